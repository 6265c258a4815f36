"""The documentation is whole and current: layers, keys, checks, reasons, events, tables, links, figures."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from garrison.core.verdict import Reason
from garrison.events.vocabulary import TERMS
from garrison.layers.order import ORDER
from garrison.policy.checks import registered
from garrison.policy.model import SECTIONS, Policy, Section
from scripts import docs_figures, docs_tables

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
LAYERS = [compile_layer.__module__.rpartition(".")[2] for compile_layer in ORDER]
HOLDERS: dict[str, type[BaseModel]] = {
    name: info.annotation
    for name, info in Policy.model_fields.items()
    if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel)
}
LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)\s]+)\)|<(?:img|a)\s[^>]*?(?:src|href)=\"([^\"]+)\"")
HEADINGS = ("## Threat", "## What it does", "## Keys", "## References")


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


class TestLayers:
    @pytest.mark.parametrize("layer", LAYERS)
    def test_a_layer_has_a_page_a_test_file_and_a_policy_section_of_its_name(self, layer: str) -> None:
        assert layer in SECTIONS
        assert (ROOT / "tests" / "layers" / f"test_{layer}.py").is_file()
        page = text_of(f"layers/{layer}.md")
        assert page.startswith(f"# {layer}\n")
        assert [heading for heading in HEADINGS if f"\n{heading}\n" not in page] == []

    def test_the_index_lists_all_layers_in_their_order(self) -> None:
        assert re.findall(r"^\| \d+ \| \[(\w+)\]", text_of("layers/index.md"), re.MULTILINE) == LAYERS

    def test_there_is_no_page_of_a_layer_that_does_not_exist(self) -> None:
        assert {page.stem for page in (DOCS / "layers").glob("*.md")} == {*LAYERS, "index"}


class TestVocabularies:
    @pytest.mark.parametrize("section", HOLDERS)
    def test_every_key_of_a_section_is_explained_on_its_page(self, section: str) -> None:
        page = text_of(f"layers/{section}.md" if section in SECTIONS else "policy.md")
        keys = [name for name in HOLDERS[section].model_fields if name not in Section.model_fields]
        assert [key for key in keys if f"| `{section}.{key}` |" not in page] == []

    def test_every_top_level_key_is_explained(self) -> None:
        page = text_of("policy.md")
        keys = [key for key in Policy.model_fields if key not in {*HOLDERS, "routes"}]
        assert [key for key in keys if f"| `{key}` |" not in page] == []

    @pytest.mark.parametrize(
        ("page", "words"),
        [
            ("checks.md", list(registered())),
            ("errors.md", [f"`{reason}`" for reason in Reason]),
            ("events.md", [f"`{name}`" for name in TERMS]),
        ],
    )
    def test_every_word_of_a_closed_list_is_on_its_page(self, page: str, words: list[str]) -> None:
        listed = text_of(page)
        assert [word for word in words if f"| {word} |" not in listed] == []

    def test_the_tables_made_from_the_code_are_current(self) -> None:
        assert docs_tables.stale() == [], "run `python -m scripts.docs_tables`"

    def test_a_table_that_is_not_current_is_noticed(self) -> None:
        page = text_of("checks.md")
        assert docs_tables.render(page.replace("| P001 |", "| P901 |")) == page


class TestLinks:
    @pytest.mark.parametrize("page", PAGES, ids=name_of)
    def test_every_file_a_page_links_to_is_there(self, page: Path) -> None:
        missing = []
        for found in LINK.finditer(re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)):
            target = (found[1] or found[2]).partition("#")[0]
            if target and "://" not in target and not target.startswith("mailto:"):
                missing += [target] if not (page.parent / target).exists() else []
        assert missing == []

    def test_every_page_that_messages_of_the_code_refer_to_is_there(self) -> None:
        named = {
            target
            for file in (ROOT / "src").rglob("*.py")
            for target in re.findall(r"docs/[\w./-]+\.md", file.read_text(encoding="utf-8"))
        }
        assert named
        assert sorted(target for target in named if not (ROOT / target).is_file()) == []

    def test_the_site_builds_without_warning_and_loads_nothing_from_elsewhere(self, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
        environ = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False, env=environ)
        assert done.returncode == 0, done.stderr
        loads = re.compile(r"""<(?:script|img|iframe|link rel="(?:stylesheet|preconnect|icon)")[^>]*https?://[^"'>]*""")
        pages = list((tmp_path / "site").rglob("*.html"))
        assert pages
        assert {page.name: loads.findall(page.read_text(encoding="utf-8")) for page in pages} == {
            page.name: [] for page in pages
        }


class TestHonesty:
    @pytest.mark.parametrize("page", [*PAGES, ROOT / "CHANGELOG.md", ROOT / "mkdocs.yml"], ids=name_of)
    def test_no_page_knows_anybodys_machine(self, page: Path) -> None:
        assert re.findall(r"(?<![\w.])/(?:work|root|home|Users|mnt)/\S*", page.read_text(encoding="utf-8")) == []

    def test_the_figures_of_a_page_are_those_that_were_recorded(self) -> None:
        recorded = json.loads(docs_figures.RECORDED.read_text(encoding="utf-8"))
        for page, text in docs_figures.pages(recorded).items():
            assert docs_figures.REGION.search(text), page
            assert page.read_text(encoding="utf-8") == text, "run `python -m scripts.docs_figures`"
