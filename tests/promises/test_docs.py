"""What the documentation shows is run: Python blocks as they stand, policies through the loader, commands by name.

The blocks of a page share one working directory and one namespace, in the order in which they are read. A block with a
`title` is written to the file of that name first, so `garrison.toml` on a page is the policy its code finds.
"""

from __future__ import annotations

import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import typer
import yaml
from sybil import Document, Example, Lexeme, Region
from sybil.parsers.markdown.lexers import DirectiveInHTMLCommentLexer, RawFencedCodeBlockLexer
from typer.core import TyperGroup

from garrison.cli.main import app as cli
from garrison.findings.severity import Level
from garrison.policy.checks import Subject, run_checks
from garrison.policy.load import load

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
KEY = "cT8hX2m_9vRkLw4ZpQy7NbE1sUfD6aGJ0oViC3tKx5M"
OWN_PROCESS = "<!-- own process -->"
"""Stands on a page whose code changes something for the whole process, such as Django's settings."""
UNKNOWN_TO_AUTHORS = {"P001", "P007", "P128"}
"""Checks for what only the operator of a real site has: its hosts, its key and its bill of materials."""

_INFO = re.compile(r'(?P<language>\w+)(?: title="(?P<title>[^"]+)")?[ \t]*$\n', re.MULTILINE)
_SCANNED = re.compile(r"wrong|right")
_FENCES = RawFencedCodeBlockLexer(_INFO)
_HIDDEN = DirectiveInHTMLCommentLexer(
    r"invisible-code(?:-block)?", mapping={"arguments": "language", "source": "source"}
)


class Parser:
    """Finds the blocks that can be checked, and says how."""

    def __init__(self) -> None:
        self.checks = {
            "python": run_python,
            "toml": check_toml,
            "bash": check_commands,
            "json": check_json,
            "yaml": check_yaml,
        }

    def __call__(self, document: Document) -> Iterator[Region]:
        for region in (*_FENCES(document), *_HIDDEN(document)):
            scanned = _SCANNED.match(region.lexemes.get("title") or "")
            region.evaluator = judged_by_scan if scanned else self.checks.get(region.lexemes["language"], known_prose)
            region.parsed = str(region.lexemes["source"])
            yield region


def judged_by_scan(example: Example) -> None:
    """`test_guidelines.py` scans it; on another page nobody would."""
    assert Path(example.path).parent.name == "guidelines", "wrong and right code stands in the guidelines"


def known_prose(example: Example) -> None:
    language = example.region.lexemes["language"]
    assert language in {"text", "html", "javascript", "dockerfile", "ini", "nginx"}, f"{language}: nothing checks this"


def saved(example: Example) -> Path | None:
    title = example.region.lexemes.get("title")
    if title is None:
        return None
    path = Path(str(title))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(example.parsed, encoding="utf-8")
    return path


def run_python(example: Example) -> None:
    """A block with a title is a module, and imported as one; what it defines is known to the blocks after it."""
    path = saved(example)
    if path is not None:
        module = importlib.import_module(".".join(path.with_suffix("").parts))
        example.namespace.update({name: value for name, value in vars(module).items() if not name.startswith("__")})
        return
    source: Lexeme = example.region.lexemes["source"]
    blank = "\n" * (example.line + source.line_offset)
    exec(compile(blank + example.parsed, example.path, "exec", dont_inherit=True), example.namespace)  # noqa: S102


def check_toml(example: Example) -> None:
    path = saved(example) or Path("example.toml")
    path.write_text(example.parsed, encoding="utf-8")
    loaded = load(path, {})
    findings = run_checks(Subject(loaded.policy, sources=loaded.sources))
    errors = [f for f in findings if f.severity.level is Level.ERROR and f.id not in UNKNOWN_TO_AUTHORS]
    assert not errors, errors


def check_json(example: Example) -> None:
    json.loads(example.parsed)


def check_yaml(example: Example) -> None:
    assert list(yaml.safe_load_all(example.parsed))


def check_commands(example: Example) -> None:
    text = example.parsed.replace("\\\n", " ")
    for line in text.splitlines():
        for words in commands_in(line):
            if words[0] == "garrison":
                check_garrison(words[1:])
            elif words[0] == "make":
                target = next((word for word in words[1:] if "=" not in word), "help")
                assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE), line


def commands_in(line: str) -> Iterator[list[str]]:
    """The command of a line, and those in `$(…)` within it."""
    for inner in re.findall(r"\$\(([^()]*)\)", line):
        yield from commands_in(inner)
    words = shlex.split(re.sub(r"\$\([^()]*\)", "X", line), comments=True)
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if words:
        yield words


def check_garrison(words: list[str]) -> None:
    """Every subcommand and option must be there; what the command would do is not done."""
    command = typer.main.get_command(cli)
    while isinstance(command, TyperGroup) and words and not words[0].startswith("-"):
        if words[0] not in command.commands and hasattr(command, "fallback"):
            words = [command.fallback, *words]
        assert words[0] in command.commands, f"garrison has no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    if isinstance(command, TyperGroup) and hasattr(command, "fallback"):
        command = command.commands[command.fallback]
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    known |= {"-h", "--help"}
    for word in words:
        if word.startswith("-"):
            assert word.partition("=")[0] in known, f"{command.name} has no option {word}"


def title_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


_ALONE = """
import sys
sys.path[:0] = [sys.argv[1], "."]
from tests.promises.test_docs import Path, run_page
run_page(Path(sys.argv[2]))
"""


def run_page(page: Path) -> None:
    """Evaluate the blocks of `page` in the working directory."""
    document = Document.parse(str(page), Parser())
    module = ModuleType("page")
    sys.modules["page"] = module  # frameworks look annotations up in the module of a function
    document.namespace = module.__dict__
    before = set(sys.modules)
    try:
        for example in document.examples():
            example.evaluate()
    finally:
        for name in {"page"} | set(sys.modules) - before:
            if name == "page" or str(getattr(sys.modules[name], "__file__", "")).startswith(str(Path.cwd())):
                del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=title_of)
def test_the_code_of_a_page_runs_as_it_stands(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("GARRISON_ENVIRONMENT", "development")
    monkeypatch.setenv("GARRISON_KEY", KEY)
    monkeypatch.setenv("GARRISON_EVENTS__OUTPUT", "none")
    if OWN_PROCESS not in page.read_text(encoding="utf-8"):
        run_page(page)
        return
    command = [sys.executable, "-c", _ALONE, str(ROOT), str(page)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr


class TestTheChecksThemselves:
    def check(self, text: str, tmp_path: Path) -> None:
        page = tmp_path / "page.md"
        page.write_text(text, encoding="utf-8")
        for example in Document.parse(str(page), Parser()).examples():
            example.evaluate()

    @pytest.mark.parametrize(
        "block",
        [
            "```python\nassert False\n```\n",
            "<!-- invisible-code-block: python\nassert False\n-->\n",
            '```toml\nhsots = ["a.example"]\n```\n',
            '```toml\n[cors]\norigins = ["*"]\ncredentials = true\n```\n',
            "```bash\ngarrison chekc\n```\n",
            "```bash\ngarrison check --fromat json\n```\n",
            'ok\n\n```bash\ncurl --cacert "$(garrison certs cb)" https://localhost:8443/\n```\n',
            "```bash\nmake demon\n```\n",
            "```json\n{,}\n```\n",
            "```cobol\nSTOP RUN.\n```\n",
        ],
    )
    def test_a_page_that_is_wrong_is_caught(self, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(Exception):  # noqa: B017  # each kind of block fails in its own way
            self.check(block, tmp_path)

    def test_a_page_that_is_right_passes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        text = (
            '```toml title="garrison.toml"\nhosts = ["a.example"]\n```\n\n```bash\ngarrison check --format json\n```\n'
        )
        self.check(text, tmp_path)
        assert (tmp_path / "garrison.toml").exists()
