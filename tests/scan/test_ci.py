"""The configurations of `garrison scan init`: valid, pinned, without a right too many, and clean under zizmor."""

from __future__ import annotations

import configparser
import json
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from jsonschema.validators import validator_for

from garrison.findings.report import Outcome
from garrison.scan.adapter import Limits
from garrison.scan.ci import Choices, Kind, NotPinned, configurations
from garrison.scan.project import read_project
from garrison.scan.tool_zizmor import zizmor
from tests.cli.running import Here
from tests.support.components import need

from .own_tools import own_tools  # noqa: F401  # a fixture

IMAGE = f"python:3.13-slim@sha256:{'0' * 64}"
CHOICES = Choices(baseline="scan-baseline.json", image=IMAGE, locks=("uv.lock", "web/package-lock.json"))
BAD = """\
name: x
on: pull_request_target
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: echo "${{ github.event.pull_request.title }}"
"""


def only(kind: Kind) -> str:
    return next(iter(configurations(kind, CHOICES).values()))


def zizmor_over(folder: Path, text: str, tools: Path, patch: pytest.MonkeyPatch) -> tuple[Outcome, list[str]]:
    patch.setenv("GARRISON_TOOLS", str(tools))
    path = folder / ".github" / "workflows" / "one.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    result = zizmor().run(read_project(folder), Limits(60))
    return result.status.outcome, [one.id for one in result.findings]


class TestZizmor:
    def test_our_workflow_is_clean(self, tmp_path: Path, own_tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
        assert zizmor_over(tmp_path, only(Kind.GITHUB), own_tools, monkeypatch) == (Outcome.OK, [])

    def test_a_bad_workflow_is_not(self, tmp_path: Path, own_tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
        _, found = zizmor_over(tmp_path, BAD, own_tools, monkeypatch)
        assert {"zizmor/template-injection", "zizmor/dangerous-triggers", "zizmor/unpinned-uses"} <= set(found)

    def test_a_workflow_that_can_not_be_parsed_is_no_clean_one(
        self, tmp_path: Path, own_tools: Path, monkeypatch: pytest.MonkeyPatch,  # noqa: F811
    ) -> None:  # fmt: skip
        assert zizmor_over(tmp_path, "name: [", own_tools, monkeypatch)[0] is Outcome.ERROR


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (Kind.GITHUB, "github-workflows"),
        (Kind.GITLAB, "gitlab-ci"),
        (Kind.DEPENDABOT, "dependabot"),
        (Kind.RENOVATE, "renovate"),
    ],
)
def test_the_file_is_valid_by_the_hosts_own_schema(kind: Kind, schema: str) -> None:
    given = json.loads(files("check_jsonschema.builtin_schemas.vendor").joinpath(f"{schema}.json").read_text("utf-8"))
    validator = validator_for(given)(given)
    made = {"on" if key is True else key: value for key, value in yaml.safe_load(only(kind)).items()}  # YAML 1.1's on
    assert [one.message for one in validator.iter_errors(made)] == []
    wrong = {"jobs": [1], "script": 1, "updates": 1, "automerge": 1}  # the control: each of them would be refused
    assert not validator.is_valid(wrong)


def test_everything_from_elsewhere_is_named_by_what_can_not_be_moved() -> None:
    workflow, gitlab = only(Kind.GITHUB), only(Kind.GITLAB)
    uses = re.findall(r"uses: (\S+)", workflow)
    assert uses
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", one) for one in uses)
    assert "--require-hashes" in workflow
    assert yaml.safe_load(gitlab)[".garrison"]["image"] == IMAGE


def test_an_image_by_tag_is_refused() -> None:
    with pytest.raises(NotPinned, match="digest"):
        configurations(Kind.GITLAB, Choices(image="python:3.13"))


@pytest.mark.parametrize("word", ["a b", "a;rm", "$(x)", "a\nb", "a'b"])
def test_a_name_that_would_become_a_command_is_refused(word: str) -> None:
    with pytest.raises(NotPinned):
        configurations(Kind.CRON, Choices(user=word))


def test_updates_wait_for_the_cool_down_and_security_updates_do_not() -> None:
    entries = {one["package-ecosystem"]: one for one in yaml.safe_load(only(Kind.DEPENDABOT))["updates"]}
    assert {name: one["directory"] for name, one in entries.items()} == {
        "uv": "/",
        "npm": "/web",
        "github-actions": "/",
    }
    assert all(one["cooldown"]["default-days"] == 7 for one in entries.values())
    settings = yaml.safe_load(only(Kind.RENOVATE))
    assert settings["minimumReleaseAge"] == "7 days"
    assert settings["vulnerabilityAlerts"]["minimumReleaseAge"] is None
    assert settings["automerge"] is False


def test_the_workflow_has_no_right_but_to_read_and_takes_no_text_of_a_change_into_a_command() -> None:
    data = yaml.safe_load(only(Kind.GITHUB))
    assert data["permissions"] == {}
    for job in data["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert [step["run"] for step in job["steps"] if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("kind", list(Kind))
def test_every_command_of_ours_in_a_configuration_is_one_with_these_options(kind: Kind) -> None:
    from tests.promises.test_docs import check_garrison, commands_in

    found = 0
    for text in configurations(kind, CHOICES).values():
        for line in re.findall(
            r"(?:^|\s|/)garrison (scan (?:\"[^\"\n]*\"|[^\n>&\"])*)", re.sub(r"(?m)^\s*#.*$", "", text)
        ):
            for words in commands_in(line):
                check_garrison(words)
                found += 1
    assert found or kind in {Kind.SYSTEMD, Kind.DEPENDABOT, Kind.RENOVATE}


def test_the_timer_and_the_service_are_what_systemd_reads(tmp_path: Path) -> None:
    program = need("systemd-analyze")
    made = configurations(Kind.SYSTEMD, Choices(folder="/usr", program="/bin/true", user="root"))
    for path, text in made.items():
        configparser.ConfigParser(strict=False, interpolation=None).read_string(text)
        (tmp_path / Path(path).name).write_text(text)
    command = [program, "verify", "--man=no", *(str(one) for one in tmp_path.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "garrison-scan" in line]) == (0, [])


class TestCommand:
    def test_it_writes_and_never_replaces_what_is_there(self, tmp_path: Path) -> None:
        here = Here(tmp_path)
        words = ("scan", "init", "github", "cron", "--into", str(tmp_path))
        assert here.run(*words).code == 0
        file = tmp_path / ".github/workflows/garrison.yml"
        assert "garrison scan" in file.read_text()
        file.write_text("mine")
        (tmp_path / "deploy/garrison-scan.cron").unlink()
        ran = here.run(*words)
        assert ran.code == 3
        assert file.read_text() == "mine"
        assert not (tmp_path / "deploy/garrison-scan.cron").exists()
        assert here.run(*words, "--force").code == 0
        assert file.read_text() != "mine"

    def test_what_is_not_pinned_is_wrong_usage(self, tmp_path: Path) -> None:
        assert Here(tmp_path).run("scan", "init", "gitlab", "--into", str(tmp_path)).code == 2
