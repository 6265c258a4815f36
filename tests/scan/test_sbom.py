"""Bills of materials, by the validators of both standards; licences against the policy."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from garrison.findings.report import Outcome
from garrison.policy.section_scan import ScanSection
from garrison.scan.adapter import Limits
from garrison.scan.licences import allowed, with_licences
from garrison.scan.lockfiles import Dependency, parse_lock
from garrison.scan.project import read_project
from garrison.scan.sbom import cyclonedx, materials, spdx
from garrison.scan.tool_licences import Licences
from tests.cli.running import Here

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2027, 1, 15, tzinfo=UTC)
A, B = "a" * 64, "b" * 64
UV = f"""
version = 1
[[package]]
name = "shop"
source = {{ editable = "." }}
[[package]]
name = "Thing.One"
version = "1.2+local"
dependencies = [{{ name = "other" }}]
sdist = {{ url = "https://files.example/x.tar.gz", hash = "sha256:{A}" }}
wheels = [{{ url = "https://files.example/x.whl", hash = "sha256:{B}" }}]
[[package]]
name = "other"
version = "3"
wheels = [{{ hash = "sha256:{A}" }}]
"""
NPM = json.dumps(
    {
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "shop", "dependencies": {"@scope/a": "^1"}},
            "node_modules/@scope/a": {
                "version": "1.0.0", "license": "MIT", "integrity": "sha512-" + "A" * 86 + "==",
                "hasInstallScript": True,
                "dependencies": {"b": "^2"},
            },
            "node_modules/b": {"version": "2.0.0", "dev": True, "license": "GPL-3.0-only"},
            "node_modules/@scope/a/node_modules/b": {"version": "2.1.0"},
            "packages/own": {"version": "1.0.0"},
        },
    },
    indent=1,
)  # fmt: skip
LOCKS = {
    "uv.lock": UV,
    "poetry.lock": f"""
[[package]]
name = "Thing_One"
version = "1.2+local"
groups = ["main"]
files = [{{ file = "x.whl", hash = "sha256:{A}" }}, {{ file = "x.tar.gz", hash = "sha256:{B}" }}]
[package.dependencies]
other = "*"
[[package]]
name = "other"
version = "3"
groups = ["dev"]
files = []
""",
    "pdm.lock": f"""
[[package]]
name = "thing-one"
version = "1.2+local"
groups = ["default"]
dependencies = ["other>=1; python_version > '3'"]
files = [{{ file = "x.whl", hash = "sha256:{A}" }}, {{ file = "y", hash = "sha256:{B}" }}]
[[package]]
name = "other"
version = "3"
files = []
""",
    "requirements.txt": f"thing-one==1.2+local \\\n    --hash=sha256:{A} \\\n    --hash=sha256:{B}\nother==3\n",
}


def found(name: str) -> dict[str, Dependency]:
    return {one.name: one for one in parse_lock(name, LOCKS[name])}


class TestLocks:
    @pytest.mark.parametrize("name", LOCKS)
    def test_each_kind_of_lock_tells_versions_and_the_hash_of_every_file(self, name: str) -> None:
        packages = found(name)
        assert set(packages) == {"thing-one", "other"}
        assert packages["thing-one"].version == "1.2+local"
        assert set(packages["thing-one"].hashes) == {f"sha256:{A}", f"sha256:{B}"}

    @pytest.mark.parametrize("name", ["uv.lock", "poetry.lock", "pdm.lock"])
    def test_who_needs_whom_is_read_where_the_lock_tells(self, name: str) -> None:
        assert found(name)["thing-one"].needs == ("other",)

    def test_a_group_for_development_is_known_as_one(self) -> None:
        assert {name: one.dev for name, one in found("poetry.lock").items()} == {"thing-one": False, "other": True}

    def test_the_lock_of_npm_tells_scripts_licences_and_copies_in_other_versions(self) -> None:
        packages = parse_lock("package-lock.json", NPM)
        assert [(one.name, one.version) for one in packages] == [("@scope/a", "1.0.0"), ("b", "2.0.0"), ("b", "2.1.0")]
        assert packages[0].scripts
        assert packages[0].licence == "MIT"
        assert packages[0].hashes == (f"sha512:{'0' * 128}",)
        assert packages[1].dev
        assert packages[0].line == NPM.splitlines().index('  "node_modules/@scope/a": {') + 1

    @pytest.mark.parametrize("text", ["{}", "[]", '{"packages": {"node_modules/a": {"integrity": "sha512-%"}}}', "{"])
    def test_what_is_no_lock_of_npm_is_an_error_and_not_an_empty_one(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            parse_lock("package-lock.json", text)


def bill() -> list[tuple[Dependency, str]]:
    packages = [*parse_lock("uv.lock", UV), *parse_lock("package-lock.json", NPM)]
    return [(one, one.licence or ("MIT OR Apache-2.0" if one.name == "other" else "")) for one in packages]


class TestBills:
    def cyclone_errors(self, text: str) -> object:
        return JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)

    def spdx_errors(self, text: str) -> list[str]:
        document = JsonLikeDictParser().parse(json.loads(text))
        return [one.validation_message for one in validate_full_spdx_document(document)]

    def test_cyclonedx_is_valid_by_the_strict_validator(self) -> None:
        text = cyclonedx(materials("shop", "1", bill()), NOW, "0.1")
        assert self.cyclone_errors(text) is None
        assert self.cyclone_errors(text.replace('"library"', '"librarian"')) is not None

    def test_spdx_is_valid_by_the_validator_of_its_makers(self) -> None:
        text = spdx(materials("shop", "1", bill()), NOW, "0.1")
        assert self.spdx_errors(text) == []
        assert self.spdx_errors(text.replace("SPDXRef-project", "SPDXRef project")) != []

    def test_every_package_every_hash_and_every_edge_is_in_both(self) -> None:
        made = materials("shop", "1", bill())
        cyclone, other = json.loads(cyclonedx(made, NOW, "0.1")), json.loads(spdx(made, NOW, "0.1"))
        purls = {"pkg:pypi/thing-one@1.2%2Blocal", "pkg:pypi/other@3", "pkg:npm/%40scope/a@1.0.0", "pkg:npm/b@2.0.0",
                 "pkg:npm/b@2.1.0"}  # fmt: skip
        assert {one["purl"] for one in cyclone["components"]} == purls
        assert {one["externalRefs"][0]["referenceLocator"] for one in other["packages"][1:]} == purls
        for text in (cyclonedx(made, NOW, "0.1"), spdx(made, NOW, "0.1")):
            assert all(mark in text for mark in (A, B, "0" * 128))
        edges = {one["ref"]: one["dependsOn"] for one in cyclone["dependencies"]}
        assert edges["pkg:pypi/thing-one@1.2%2Blocal"] == ["pkg:pypi/other@3"]
        assert edges["pkg:npm/%40scope/a@1.0.0"] == ["pkg:npm/b@2.0.0", "pkg:npm/b@2.1.0"]
        assert edges["project"] == ["pkg:npm/%40scope/a@1.0.0", "pkg:pypi/thing-one@1.2%2Blocal"]

    def test_the_same_locks_give_the_same_text_and_others_another_number(self) -> None:
        first, again = (cyclonedx(materials("shop", "1", bill()), NOW, "0.1") for _ in range(2))
        assert first == again
        fewer = json.loads(cyclonedx(materials("shop", "1", bill()[:-1]), NOW, "0.1"))
        assert fewer["serialNumber"] != json.loads(first)["serialNumber"]

    def test_the_bill_of_this_project_is_valid_and_whole(self, tmp_path: Path) -> None:
        # The validators take minutes for two hundred packages, so they get the short list.
        words = ("scan", "sbom", str(ROOT), "--environment", sys.prefix, "--lock")
        for shape, errors in (("cyclonedx", self.cyclone_errors), ("spdx", self.spdx_errors)):
            ran = Here(tmp_path).run(*words, "requirements/build.txt", "--format", shape)
            assert ran.code == 0, ran.err
            assert not errors(ran.out)
        ran = Here(tmp_path).run(*words, "requirements/dev.txt", "--output", str(tmp_path / "bill"))
        assert ran.code == 0, ran.err
        locked = (ROOT / "requirements/dev.txt").read_text()
        parts = json.loads((tmp_path / "bill").read_text())["components"]
        assert len(parts) == len(
            {line.split()[0] for line in locked.splitlines() if "==" in line[:60] and line[0] != " "}
        )
        licences = {one["name"]: one.get("licenses") for one in parts}
        assert licences["pydantic"] == [{"license": {"name": "MIT"}}]
        assert sum(bool(one) for one in licences.values()) > len(licences) * 0.8

    def test_what_could_not_be_read_is_named_and_ends_with_3(self, tmp_path: Path) -> None:
        (tmp_path / "requirements.txt").write_text("loose>=1\n")
        (tmp_path / "uv.lock").write_text("[[[")
        ran = Here(tmp_path).run("scan", "sbom", str(tmp_path))
        assert ran.code == 3
        assert "loose has no version" in ran.said
        assert "uv.lock can't be read" in ran.said
        (tmp_path / "empty").mkdir()
        assert Here(tmp_path).run("scan", "sbom", str(tmp_path / "empty")).code == 3


class TestLicences:
    @pytest.mark.parametrize(
        ("expression", "fits"),
        [
            ("MIT", True), ("GPL-3.0-only", False), ("GPL-3.0-only OR MIT", True), ("MIT OR GPL-3.0-only", True),
            ("MIT AND GPL-3.0-only", False), ("MIT AND BSD-2-Clause", True),
            ("(GPL-2.0 OR MIT) AND BSD-3-Clause", True),
            ("GPL-2.0-only WITH Classpath-exception-2.0", False), ("mit", False), ("GPL-3.0-only or MIT", True),
        ],
    )  # fmt: skip
    def test_an_expression_is_met_by_one_side_of_or_and_both_of_and(self, expression: str, fits: bool) -> None:
        assert allowed(expression, ["MIT", "BSD-*"]) is fits

    @pytest.mark.parametrize("expression", ["", "MIT OR", "(MIT", "MIT MIT", "AND", "MIT)", "see LICENSE file!"])
    def test_what_is_no_expression_is_not_taken_for_allowed(self, expression: str) -> None:
        with pytest.raises(ValueError, match="no licence expression"):
            allowed(expression, ["*"])

    def run(self, tmp_path: Path, **said: object) -> tuple[Outcome, str, list[str]]:
        (tmp_path / "package-lock.json").write_text(NPM.replace('"dev": true', '"dev": false'))
        section = ScanSection.model_validate({"licences": ["MIT"], **said})
        result = Licences(section).run(read_project(tmp_path), Limits())
        return result.status.outcome, result.status.detail, [one.message for one in result.findings]

    def test_a_licence_outside_the_list_is_found_and_an_unknown_one_is_named(self, tmp_path: Path) -> None:
        outcome, why, messages = self.run(tmp_path)
        assert outcome is Outcome.INCOMPLETE
        assert "b 2.1.0 (declares none)" in why
        assert messages == ["b 2.0.0 is under GPL-3.0-only."]

    def test_what_somebody_has_read_closes_the_gap(self, tmp_path: Path) -> None:
        outcome, _, messages = self.run(tmp_path, licences=["MIT", "GPL-*"], licence_of={"b": "MIT"})
        assert (outcome, messages) == (Outcome.OK, [])

    def test_without_a_list_it_says_that_it_judges_nothing(self, tmp_path: Path) -> None:
        result = Licences(ScanSection()).run(read_project(tmp_path), Limits())
        assert result.status.outcome is Outcome.SKIPPED
        assert not result.status.required

    def test_the_licence_of_another_version_than_the_locked_one_is_not_taken(self) -> None:
        from importlib.metadata import version

        right = Dependency("pydantic", version("pydantic"), "x")
        wrong = Dependency("pydantic", "0.1", "x")
        assert [licence for _, licence in with_licences([right, wrong], Path(sys.prefix))] == ["MIT", ""]
