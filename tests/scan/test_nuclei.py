"""nuclei where it is installed: a stand-in for the program, output in its documented format, and what it is not given.

The real one was not to be had. So the stand-in is strict about its arguments, and the choice of templates is tested
by itself: it is what keeps a running application from harm.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from fastapi import FastAPI

from garrison.findings.report import Outcome
from garrison.findings.severity import Severity
from garrison.scan.adapter import Limits, Result
from garrison.scan.live import SAFE_METHODS, Live, live
from garrison.scan.nuclei_output import read_output
from garrison.scan.nuclei_templates import choose, refused
from garrison.scan.project import Project
from garrison.scan.tool_nuclei import Nuclei
from tests.asgi.serving import serving
from tests.cli.running import Here

NOBODY = Project(Path())
RECORDED = Path(__file__).parent / "recorded"
FOUND, LOG = ((RECORDED / f"nuclei.{end}").read_text() for end in ("jsonl", "log"))
HEAD = "id: one\ninfo:\n  name: One\n  author: us\n  severity: low\n  tags: misconfig,generic\n"
GOOD = HEAD + "http:\n  - method: GET\n    path:\n      - '{{BaseURL}}/.git/config'\n"
RAW = HEAD + "http:\n  - raw:\n      - |\n        {} HTTP/1.1\n        Host: {{{{Hostname}}}}\n"
FINE = {
    "a plain one": GOOD,
    "the older word, no method": HEAD + "requests:\n  - path: ['{{BaseURL}}', '{{RootURL}}/x?q={{payload}}']\n",
    "a raw one": RAW.format("GET /a?b=c"),
    "O'Brien and prose about DELETE": GOOD.replace("name: One", 'name: "O\'Brien: DELETE /x HTTP/1.1 läßt sich 🙂"'),
    "paths by payload": GOOD.replace("/.git/config", "{{file}}") + "    payloads:\n      file: [/a, /b]\n",
    "two steps": GOOD + "flow: http(1) && http(2)\n",
}
HARMFUL = {
    "another method": GOOD.replace("GET", "post"),
    "a raw method": RAW.format("DELETE /goods/1"),
    "a second raw one": RAW.format("GET /") + "      - |\n        PUT /x HTTP/1.1\n",
    "a method by payload": RAW.format("{{verb}} /"),
    "a method by header": GOOD + "    headers:\n      X-HTTP-Method-Override: DELETE\n",
    "another host": GOOD.replace("{{BaseURL}}/", "https://example.com/"),
    "a host that begins alike": GOOD.replace("{{BaseURL}}/", "{{BaseURL}}.example.com/"),
    "a user before a host": GOOD.replace("{{BaseURL}}/", "{{BaseURL}}@example.com/"),
    "a host by payload": GOOD.replace("/.git/config", "{{at}}") + "    payloads:\n      at: [/a, '@example.com']\n",
    "a host by an answer": GOOD.replace("/.git/config", "{{extracted}}"),
    "a raw host": RAW.format("GET https://example.com/"),
    "an annotation": HEAD + "http:\n  - raw:\n      - |\n        @Host: https://example.com\n        GET / HTTP/1.1\n",
    "a callback": GOOD + "    body: '{{interactsh-url}}'\n",
    "a tag": GOOD.replace("generic", "DoS"),
    "tags as a list": GOOD.replace("misconfig,generic", "[misconfig, intrusive]"),
    "code": GOOD + "code:\n  - engine: [sh]\n    source: id\n",
    "code in its flow": GOOD + "flow: require('nuclei/net').Open('tcp', 'x')\n",
    "another protocol": HEAD + "dns:\n  - name: '{{FQDN}}'\n",
    "no target": GOOD + "self-contained: true\n",
    "fuzzing": GOOD + "    fuzzing:\n      - part: query\n",
    "a race": GOOD + "    race: true\n",
    "bytes as they are": RAW.format("GET /") + "    unsafe: true\n",
    "a list of words": GOOD + "    payloads:\n      word: helpers/wordlists/all.txt\n",
    "no YAML": GOOD + "\t- [",
    "nothing": "",
}


class TestTemplates:
    @pytest.mark.parametrize("name", FINE)
    def test_one_that_only_looks_may_run(self, name: str) -> None:
        assert refused(FINE[name], SAFE_METHODS) == ""

    @pytest.mark.parametrize("name", HARMFUL)
    def test_one_that_may_do_harm_is_left_out(self, name: str) -> None:
        assert refused(HARMFUL[name], SAFE_METHODS) != ""

    def test_a_method_that_is_named_may_run(self) -> None:
        assert refused(HARMFUL["another method"], ("GET", "POST")) == ""
        assert refused(HARMFUL["a raw method"], ("GET", "DELETE")) == ""

    def test_only_files_of_requests_count_and_links_are_not_followed(self, tmp_path: Path) -> None:
        for name, text in (("a.yaml", GOOD), ("sub/b.yaml", HARMFUL["a tag"]), ("c.yaml", "x: 1\n"), ("d.txt", GOOD),
                           (".git/e.yaml", GOOD)):  # fmt: skip
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        (tmp_path / "f.yaml").symlink_to(tmp_path / "a.yaml")
        assert choose(tmp_path, SAFE_METHODS) == ({"a.yaml": GOOD}, 2)


@pytest.fixture(scope="module")
def target() -> Iterator[Live]:
    app = FastAPI()
    with serving(app, lifespan="off") as port:
        yield live(f"http://127.0.0.1:{port}", rate=7)


@pytest.fixture
def nuclei(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """A `nuclei` that tells its version, knows the flags that are documented, and then does what the body says."""
    templates = tmp_path / "nuclei-templates"
    templates.mkdir()
    for name, text in (("a", GOOD), ("b", FINE["a raw one"]), ("c", FINE["two steps"]), ("d", HARMFUL["a callback"])):
        (templates / f"{name}.yaml").write_text(text)
    monkeypatch.setenv("GARRISON_NUCLEI_TEMPLATES", str(templates))

    def write(body: str = "", version: str = "v3.4.10") -> Path:
        path = tmp_path / "nuclei"
        head = f"""
        import json, os, sys, time
        from pathlib import Path
        if sys.argv[1:] == ["-version"]:
            sys.exit(print("[INF] Nuclei Engine Version: {version}", file=sys.stderr))
        given = iter(sys.argv[1:])
        alone = {{"-no-interactsh", "-disable-update-check", "-disable-redirects", "-no-stdin", "-jsonl", "-omit-raw",
                 "-omit-template", "-no-color", "-stats", "-stats-json"}}
        said = {{one: True if one in alone else next(given) for one in given}}
        assert alone <= set(said), alone - set(said)
        assert os.environ["HOME"] == os.getcwd()
        copies = sorted(one.name for one in Path(said["-templates"]).rglob("*.yaml"))
        found, port = Path(said["-output"]), said["-target"].rpartition(":")[2]
        text = {FOUND!r}.replace("8000", port)
        log = {LOG!r}
        """
        path.write_text(f"#!{sys.executable}\n{dedent(head)}\n{dedent(body)}\n")
        path.chmod(0o700)
        return path

    return write


SAYS = "found.write_text(text)\nsys.stderr.write(log)\n"


class TestDriving:
    def test_it_gets_what_may_be_sent_and_its_findings_are_read(
        self, nuclei: Callable[..., Path], target: Live, tmp_path: Path
    ) -> None:
        seen = tmp_path / "seen"
        program = nuclei(f"Path({str(seen)!r}).write_text(json.dumps([copies, said, dict(os.environ)]))\n{SAYS}")
        result = Nuclei(target, program=program).run(NOBODY, Limits(30))
        assert (result.status.outcome, result.status.version) == (Outcome.OK, "3.4.10"), result.status
        assert result.status.examined == (f"3 of 4 templates on {target.shown}", "5 requests, 0 errors")
        assert [(one.id, one.severity, one.location and one.location.key, one.cwe) for one in result.findings] == [
            ("nuclei/git-config", Severity.MEDIUM, "/.git/config", (200,)),
            ("nuclei/http-missing-security-headers", Severity.INFO, "/", ()),
            ("nuclei/cve-2027-0001", Severity.CRITICAL, "/files", (22,)),
        ]
        assert "s3cret" not in repr(result)
        assert "root:x" not in repr(result)
        copies, said, environ = json.loads(seen.read_text())
        assert copies == ["a.yaml", "b.yaml", "c.yaml"]
        assert (said["-rate-limit"], said["-type"]) == ("7", "http")
        assert "intrusive" in said["-exclude-tags"]
        assert environ["NUCLEI_TEMPLATES_DIR"] == said["-templates"]

    def test_the_credential_is_in_a_private_file_for_this_host_and_in_no_argument(
        self, nuclei: Callable[..., Path], target: Live, tmp_path: Path
    ) -> None:
        seen = tmp_path / "seen"
        body = "kept = Path(said['-secret-file']).read_text(), oct(os.stat('.').st_mode & 0o777)\n"
        body += f"Path({str(seen)!r}).write_text(json.dumps([sys.argv, dict(os.environ), *kept]))\n{SAYS}"
        given = live(target.url, header="Authorization", secret="Bearer s3cret")
        assert Nuclei(given, program=nuclei(body)).run(NOBODY, Limits(30)).status.outcome is Outcome.OK
        arguments, environ, secrets, mode = json.loads(seen.read_text())
        assert "s3cret" not in repr(arguments) + repr(environ)
        assert json.loads(secrets)["static"] == [
            {"type": "header", "domains": [target.url.removeprefix("http://")],
             "headers": [{"key": "Authorization", "value": "Bearer s3cret"}]}
        ]  # fmt: skip
        assert mode == "0o700"

    @pytest.mark.parametrize(
        ("body", "outcome", "reason"),
        [
            ("sys.exit('[FTL] Could not run nuclei: no templates provided')", Outcome.ERROR, "no templates provided"),
            ("", Outcome.INCOMPLETE, "no final count"),
            (f"{SAYS}found.write_text(text[:-9])", Outcome.ERROR, "not whole"),
            ("time.sleep(60)", Outcome.INCOMPLETE, "stopped after 2 s"),
        ],
    )
    def test_a_run_that_ended_before_it_was_done_is_no_clean_one(
        self, body: str, outcome: Outcome, reason: str, nuclei: Callable[..., Path], target: Live
    ) -> None:
        status = Nuclei(target, program=nuclei(body)).run(NOBODY, Limits(2 if "sleep" in body else 30)).status
        assert (status.outcome, reason in status.detail) == (outcome, True), status

    @pytest.mark.parametrize(
        ("version", "fine"), [("v3.1.9", False), ("v4.0.0", False), ("v3.11.1", True), ("", False)]
    )
    def test_another_version_is_an_error(
        self, version: str, fine: bool, nuclei: Callable[..., Path], target: Live
    ) -> None:
        status = Nuclei(target, program=nuclei(SAYS, version)).run(NOBODY, Limits(30)).status
        assert status.outcome is (Outcome.OK if fine else Outcome.ERROR), status

    def test_nobody_there_and_no_template_to_send_are_errors(
        self, nuclei: Callable[..., Path], target: Live, tmp_path: Path
    ) -> None:
        program = nuclei(SAYS)
        assert (
            Nuclei(live("http://127.0.0.1:9"), program=program).run(NOBODY, Limits(30)).status.outcome is Outcome.ERROR
        )
        for one in (tmp_path / "nuclei-templates").iterdir():
            one.unlink()
        status = Nuclei(target, program=program).run(NOBODY, Limits(30)).status
        assert (status.outcome, "none of 0 templates" in status.detail) == (Outcome.ERROR, True)

    def test_it_and_its_templates_may_be_missing_and_say_so(
        self, nuclei: Callable[..., Path], target: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GARRISON_NUCLEI_TEMPLATES", str(tmp_path / "none"))
        monkeypatch.setenv("PATH", "")
        for given, missing in ((None, "not on the PATH"), (nuclei(), "its templates")):
            status = Nuclei(target, program=given).run(NOBODY, Limits()).status
            assert (status.outcome, status.required) == (Outcome.SKIPPED, False)
            assert "not installed" in status.detail
            assert missing in status.detail


def read(text: str = FOUND, log: str = LOG, stopped: str = "") -> Result:
    return read_output(text, log, live("http://127.0.0.1:8000"), (3, 4), stopped)


class TestOutput:
    @pytest.mark.parametrize(
        ("text", "log", "outcome", "reason"),
        [
            (FOUND, LOG.replace('requests":"5', 'requests":"0'), Outcome.ERROR, "it sent no request"),
            (FOUND, LOG.replace('errors":"0', 'errors":"5'), Outcome.ERROR, "no request got an answer"),
            (FOUND, LOG.replace('templates":"3', 'templates":"0'), Outcome.INCOMPLETE, "loaded 0 of 3"),
            ("", LOG, Outcome.INCOMPLETE, "counted 2 matches and wrote 0"),
            (FOUND, "", Outcome.INCOMPLETE, "no final count"),
            (FOUND, f"{LOG}[INF] Skipped 127.0.0.1:1 from target list as found unresponsive 30 times",
             Outcome.INCOMPLETE, "gave the host up"),
            (FOUND.replace("//127.0.0.1", "//example.com"), LOG, Outcome.INCOMPLETE, "another host"),
        ],
    )  # fmt: skip
    def test_what_it_did_not_do_is_told(self, text: str, log: str, outcome: Outcome, reason: str) -> None:
        """Its exit code is 0 in all of them."""
        status = read(text, log).status
        assert (status.outcome, reason in status.detail) == (outcome, True), status

    @pytest.mark.parametrize("shape", ["[]\n", "{}\n", '{"temp', "null\n"])
    def test_another_shape_is_refused(self, shape: str) -> None:
        with pytest.raises((ValueError, KeyError, TypeError)):
            read(shape)

    def test_what_it_had_found_when_it_was_stopped_is_kept(self) -> None:
        result = read(f'{FOUND}{{"temp', stopped="stopped after 3 s")
        assert (result.status.outcome, len(result.findings)) == (Outcome.INCOMPLETE, 3)

    def test_a_finding_is_known_again_whatever_the_attack_was(self) -> None:
        first, second = read(), read(FOUND.replace("..%2f..%2fetc/passwd", "zzz") * 2)
        assert [one.fingerprint for one in first.findings] == [one.fingerprint for one in second.findings]


def test_it_attacks_and_so_has_to_be_asked_for(tmp_path: Path) -> None:
    ran = Here(tmp_path).run("scan", str(tmp_path), "--url", "http://localhost:9", "--only", "nuclei")
    assert (ran.code, "--active" in ran.said) == (2, True)
