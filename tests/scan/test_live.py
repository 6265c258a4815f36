"""Scans of a running application: real servers on loopback, real scanners, and rules that keep them from harm."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from fastapi import FastAPI, Request, Response

from garrison.findings.report import Outcome
from garrison.findings.severity import Severity
from garrison.policy.section_scan_targets import ScanTarget
from garrison.scan import live as module
from garrison.scan.adapter import Limits, Result
from garrison.scan.live import Answer, Live, TargetRefused, live, may_attack
from garrison.scan.project import Project
from garrison.scan.tool_headers import Headers
from garrison.scan.tool_schemathesis import Schemathesis
from garrison.scan.tool_tls import Sslyze
from garrison.scan.tool_zap import Zap
from garrison.scan.tool_zap import read_report as read_zap
from garrison.scan.zap_plan import document, plan
from tests.asgi.serving import serving

NOBODY = Project(Path())
PROOF = "p" * 40
IMAGE = "zaproxy/zap-stable@sha256:" + "a" * 64
ZAP = {
    "@programName": "ZAP", "@version": "2.16.1", "@generated": "Fri, 15 Jan 2027 10:00:00",
    "site": [{
        "@name": "http://127.0.0.1:8000", "@host": "127.0.0.1", "@port": "8000", "@ssl": "false",
        "alerts": [
            {"pluginid": "40018", "alertRef": "40018", "alert": "SQL Injection", "name": "SQL Injection",
             "riskcode": "3", "confidence": "2", "riskdesc": "High (Medium)",
             "desc": "<p>SQL injection may be possible.</p>", "cweid": "89",
             "instances": [{"id": "1", "uri": "http://127.0.0.1:8000/items?q=1%27+OR+1", "method": "GET", "param": "q",
                            "attack": "1' OR 1", "evidence": "", "otherinfo": ""},
                           {"id": "2", "uri": "http://127.0.0.1:8000/items?q=2", "method": "GET", "param": "q",
                            "attack": "2", "evidence": "", "otherinfo": ""}],
             "count": "2", "solution": "<p>Bind values.</p>", "wascid": "19", "sourceid": "1"},
            {"pluginid": "10021", "alertRef": "10021", "alert": "x", "name": "No nosniff", "riskcode": "1",
             "confidence": "0", "desc": "", "cweid": "-1",
             "instances": [{"uri": "http://127.0.0.1:8000/", "method": "GET"}]},
        ],
    }],
}  # fmt: skip
KEYS = {
    "env": {"contexts", "vars", "configs", "parameters", "proxy"},
    "contexts": {"name", "urls", "includePaths", "excludePaths", "authentication", "sessionManagement", "technology",
                 "structure", "users"},
    "env.parameters": {"failOnError", "failOnWarning", "continueOnFailure", "progressToStdout", "maxDuration"},
    "replacer": {"deleteAllRules"},
    "rules": {"description", "url", "matchType", "matchString", "matchRegex", "replacementString", "tokenProcessing",
              "initiators"},
    "openapi": {"apiFile", "apiUrl", "context", "user", "targetUrl", "maxMessages"},
    "passiveScan-wait": {"maxDuration"},
    "activeScan": {"context", "user", "url", "policy", "maxRuleDurationInMins", "maxScanDurationInMins",
                   "addQueryParam", "defaultPolicy", "delayInMs", "handleAntiCSRFTokens", "injectPluginIdInHeader",
                   "scanHeadersAllRequests", "threadPerHost", "maxAlertsPerRule"},
    "policyDefinition": {"defaultStrength", "defaultThreshold", "alertTags", "rules"},
    "policy rule": {"id", "name", "strength", "threshold"},
    "report": {"template", "reportDir", "reportFile", "reportTitle", "reportDescription", "displayReport"},
    "exitStatus": {"errorLevel", "warnLevel", "okExitValue", "errorExitValue", "warnExitValue"},
}  # fmt: skip
"""The keys of the templates that ZAP's add-ons ship (`…-max.yaml`), read there."""


def shop(deleted: list[int]) -> FastAPI:
    app = FastAPI()

    @app.get("/broken")
    def broken(n: int = 0) -> dict[str, int]:
        raise RuntimeError

    @app.get("/fine")
    def fine() -> dict[str, int]:
        return {"n": 1}

    @app.delete("/items/{n}")
    def gone(n: int) -> dict[str, int]:
        deleted.append(n)
        return {"n": n}

    @app.get("/")
    def home(request: Request, response: Response) -> dict[str, str]:
        response.headers["Set-Cookie"] = "session=1; Path=/"
        response.headers["Server"] = "thing/1.2.3"
        if origin := request.headers.get("origin"):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Allow-Credentials"] = "true"
        return {}

    return app


def pair(folder: Path) -> tuple[Path, Path]:
    """A key, and a certificate that nobody signed."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(9))
    (folder / "c.pem").write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    shape = serialization.PrivateFormat.PKCS8
    (folder / "k.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, shape, serialization.NoEncryption()))
    return folder / "c.pem", folder / "k.pem"


@pytest.fixture
def target() -> Iterator[tuple[Live, list[int]]]:
    deleted: list[int] = []
    with serving(shop(deleted), lifespan="off") as port:
        yield live(f"http://127.0.0.1:{port}", rate=100), deleted


LIES = {
    "no report": ("", "its output is not whole"),
    "half a report": ("report.write_text('{\"@version\": ')", "its output is not whole"),
    "another shape": ("report.write_text('[]')", "its output is not whole"),
    "nothing about the target": ('report.write_text(\'{"@version": "2", "site": []}\')', "says nothing about"),
    "a crash": ("sys.exit('boom')", "its output is not whole"),
    "a strange end": ("sys.exit(7)", "ended with code 7"),
    "no end": ("time.sleep(60)", "stopped after"),
}


class TestWhoMayBeAttacked:
    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:8000", "http://[::1]:1/x", "https://localhost", "http://a.localhost"]
    )
    def test_this_machine_may(self, url: str) -> None:
        may_attack(live(url), [])

    @pytest.mark.parametrize("url", ["https://example.com", "http://10.0.0.1", "http://127.0.0.1.example.com",
                                     "http://localhost.example.com", "http://0x7f000001.nip.example"])  # fmt: skip
    def test_another_host_may_not_and_nothing_is_sent(self, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "ask", lambda *_: pytest.fail("something was sent"))
        with pytest.raises(TargetRefused, match="not listed"):
            may_attack(live(url), [ScanTarget(host="staging.example.com", proof=PROOF)])

    @pytest.mark.parametrize(
        ("answer", "fine"),
        [
            (Answer(200, (), f"{PROOF}\n".encode()), True), (Answer(200, (), b"q" * 40), False),
            (Answer(404, (), PROOF.encode()), False), (Answer(301, (), PROOF.encode()), False), (OSError(), False),
        ],
    )  # fmt: skip
    def test_a_listed_host_has_to_show_its_proof(
        self, answer: Answer | OSError, fine: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []

        def ask(target: Live, path: str) -> Answer:
            asked.append(f"{target.url}{path}")
            if isinstance(answer, OSError):
                raise answer
            return answer

        monkeypatch.setattr(module, "ask", ask)
        listed = [ScanTarget(host="staging.example.com:8443", proof=PROOF)]
        try:
            may_attack(live("https://staging.example.com:8443/shop"), listed)
            refused = False
        except TargetRefused:
            refused = True
        assert refused is not fine
        assert asked == ["https://staging.example.com:8443/.well-known/garrison-scan"]

    def test_a_redirect_is_not_followed_to_a_proof_elsewhere(self) -> None:
        async def away(
            scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
        ) -> None:
            await send(
                {"type": "http.response.start", "status": 302, "headers": [(b"location", b"http://127.0.0.1:9/")]}
            )
            await send({"type": "http.response.body", "body": b""})

        with serving(away, lifespan="off") as port:
            assert module.ask(live(f"http://127.0.0.1:{port}"), "/").status == 302

    @pytest.mark.parametrize(
        "url", ["ftp://localhost", "http://", "http://user:pw@localhost", "localhost:8000", "http://h?x=1"]
    )
    def test_what_is_no_plain_address_is_refused(self, url: str) -> None:
        with pytest.raises(TargetRefused):
            live(url)

    def test_a_credential_never_goes_over_plaintext_to_another_machine(self) -> None:
        with pytest.raises(TargetRefused, match="plaintext"):
            live("http://staging.example.com", header="Authorization", secret="s3cret")
        assert "s3cret" not in repr(live("http://localhost", header="Authorization", secret="s3cret"))


class TestHeaders:
    def found(self, answer: Result) -> dict[str, Severity]:
        assert answer.status.outcome is Outcome.OK, answer.status
        return {one.id: one.severity for one in answer.findings}

    def test_a_bare_application_is_told_what_it_lacks(self, target: tuple[Live, list[int]]) -> None:
        found = self.found(Headers(target[0]).run(NOBODY, Limits()))
        assert {"H001", "H003", "H005", "H006", "H007", "H009", "H010"} <= set(found)
        assert found["H010"] is Severity.HIGH

    def test_the_same_application_behind_garrison_lacks_nothing(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delenv("GARRISON_TOOLS", raising=False)
        from garrison import Policy, harden

        given = {"environment": "development", "preset": "browser", "store": "memory", "events": {"output": "none"}}
        app = harden(shop([]), Policy(**given, state=str(tmp_path / "state")))
        with serving(app, lifespan="on") as port:
            found = self.found(Headers(live(f"http://localhost:{port}")).run(NOBODY, Limits()))
        assert found == {}

    def test_nobody_there_is_an_error(self) -> None:
        assert Headers(live("http://127.0.0.1:9")).run(NOBODY, Limits()).status.outcome is Outcome.ERROR


class TestSchemathesis:
    program = Path(sys.prefix) / "bin" / "schemathesis"

    def run(self, target: Live, **more: Any) -> Result:
        return Schemathesis(target, program=self.program, examples=3, budget=5, **more).run(NOBODY, Limits(100, 4000))

    def test_it_finds_the_broken_endpoint_and_deletes_nothing(self, target: tuple[Live, list[int]]) -> None:
        result = self.run(target[0])
        assert result.status.outcome is Outcome.OK, result.status
        assert "GET /broken" in {one.location.key for one in result.findings if one.location}
        assert target[1] == []

    def test_what_is_asked_for_is_tried(self, target: tuple[Live, list[int]]) -> None:
        """The control: the same run deletes as soon as DELETE is named."""
        self.run(live(target[0].url, ["DELETE"], rate=100))
        assert target[1] != []

    def test_an_application_without_a_document_is_no_clean_one(self, target: tuple[Live, list[int]]) -> None:
        missing = live(target[0].url, schema="/nowhere.json")
        assert self.run(missing).status.outcome is Outcome.ERROR

    def test_the_credential_arrives_and_is_in_no_argument(self, tmp_path: Path) -> None:
        seen = tmp_path / "seen"
        fake = tmp_path / "schemathesis"
        fake.write_text(f"#!{sys.executable}\nimport sys, os\nfrom pathlib import Path\n"
                        f"Path({str(seen)!r}).write_text(repr((sys.argv, os.environ['GARRISON_SCAN_SECRET'],"
                        " Path('schemathesis.toml').read_text())))\n")  # fmt: skip
        fake.chmod(0o700)
        given = live("http://localhost", header="Authorization", secret="Bearer s3cret")
        assert Schemathesis(given, program=fake).run(NOBODY, Limits(20)).status.outcome is Outcome.ERROR
        arguments, secret, settings = eval(seen.read_text())  # noqa: S307  # written by the test itself
        assert secret == "Bearer s3cret"
        assert "s3cret" not in repr(arguments) + settings
        assert 'Authorization" = "${GARRISON_SCAN_SECRET}"' in settings


class TestSslyze:
    def test_it_may_be_missing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        status = Sslyze(live("https://localhost")).run(NOBODY, Limits()).status
        assert (status.outcome, status.required) == (Outcome.SKIPPED, False)


class TestZap:
    def test_the_plan_only_has_keys_that_zap_documents(self) -> None:
        made = json.loads(plan(live("http://127.0.0.1:8000/api"), "/work", 900))
        assert set(made) == {"env", "jobs"}
        assert set(made["env"]) <= KEYS["env"]
        assert set(made["env"]["parameters"]) <= KEYS["env.parameters"]
        assert all(set(one) <= KEYS["contexts"] for one in made["env"]["contexts"])
        for job in made["jobs"]:
            assert set(job) <= {"type", "parameters", "rules", "policyDefinition"}
            assert set(job["parameters"]) <= KEYS[job["type"]], job["type"]
            assert all(set(one) <= KEYS["rules"] for one in job.get("rules", ()))
            policy = job.get("policyDefinition", {})
            assert set(policy) <= KEYS["policyDefinition"]
            assert all(set(one) <= KEYS["policy rule"] for one in policy.get("rules", ()))

    def test_the_plan_stays_on_the_target_is_slow_and_stops_by_itself(self) -> None:
        made = json.loads(plan(live("http://127.0.0.1:8000", rate=10), "/work", 900))
        import re

        pattern = made["env"]["contexts"][0]["includePaths"][0]
        assert re.fullmatch(pattern, "http://127.0.0.1:8000/items?q=1")
        assert not re.fullmatch(pattern, "http://127.0.0.1:80001/")
        assert not re.fullmatch(pattern, "http://127.0.0.1:8000.example.com/")
        attack = next(job for job in made["jobs"] if job["type"] == "activeScan")
        assert attack["parameters"]["delayInMs"] == 100
        assert attack["parameters"]["threadPerHost"] == 1
        assert 0 < attack["parameters"]["maxScanDurationInMins"] * 60 < 900
        assert 0 < made["env"]["parameters"]["maxDuration"] < 900
        assert attack["policyDefinition"]["rules"][0]["id"] == 90028

    def test_operations_that_may_not_be_tried_are_not_in_the_document(self) -> None:
        operations = {"get": {"servers": [{"url": "https://x.example"}]}, "delete": {}, "parameters": []}
        given = {"servers": [{"url": "https://elsewhere.example"}], "paths": {"/a": operations}}
        text, count = document(json.dumps(given).encode(), live("http://localhost"))
        assert count == 1
        assert json.loads(text) == {"paths": {"/a": {"get": {}, "parameters": []}}}
        assert document(json.dumps(given).encode(), live("http://localhost", ["DELETE"]))[1] == 2

    @pytest.fixture
    def zap(self, tmp_path: Path) -> Callable[[str], Path]:
        """A `zap.sh` that checks how it is called, reads its plan, and then does what the body says."""

        def write(body: str) -> Path:
            path = tmp_path / "zap.sh"
            head = """
            import json, os, sys, time
            from pathlib import Path
            assert sys.argv[1] == "-cmd" and "-autorun" in sys.argv
            plan = json.loads(Path(sys.argv[sys.argv.index("-autorun") + 1]).read_text())
            jobs = {job["type"]: job["parameters"] for job in plan["jobs"]}
            paths = json.loads(Path(jobs["openapi"]["apiFile"]).read_text())["paths"]
            report = Path(jobs["report"]["reportDir"], jobs["report"]["reportFile"])
            """
            path.write_text(f"#!{sys.executable}\n{dedent(head)}\n{dedent(body)}\n")
            path.chmod(0o700)
            return path

        return write

    def test_it_is_driven_and_its_report_is_read(
        self, zap: Callable[[str], Path], target: tuple[Live, list[int]], tmp_path: Path
    ) -> None:
        said = json.dumps(ZAP).replace("8000", target[0].url.rpartition(":")[2])
        mark = tmp_path / "seen"
        body = f"""
        assert all(set(one) <= {{"get"}} for one in paths.values()), paths
        Path({str(mark)!r}).write_text(os.environ["ZAP_AUTH_HEADER_VALUE"] + repr(sys.argv) + json.dumps(plan))
        report.write_text({said!r})
        sys.exit(2)
        """
        given = live(target[0].url, header="Authorization", secret="s3cret")
        result = Zap(given, program=zap(body)).run(NOBODY, Limits(30))
        assert result.status.outcome is Outcome.OK, result.status
        assert [one.id for one in result.findings] == ["zap/40018"]
        assert mark.read_text().count("s3cret") == 1

    @pytest.fixture
    def docker(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
        """A `docker` on the PATH that writes down how it is called, and does as the container would what the body says.

        It refuses what the real one would: an option that it does not know, a variable that is not in its environment.
        """

        def write(body: str) -> Path:
            calls = tmp_path / "calls"
            head = f"""
            import argparse, json, os, sys, time
            from pathlib import Path
            with open({str(calls)!r}, "a") as file:
                file.write(json.dumps(sys.argv[1:]) + "\\n")
            if sys.argv[1] == "rm":
                sys.exit(0)
            parser = argparse.ArgumentParser(allow_abbrev=False)
            parser.add_argument("run", choices=["run"])
            parser.add_argument("--rm", action="store_true")
            for name in ("--name", "--network", "--cap-drop", "--security-opt", "--user", "--volume"):
                parser.add_argument(name, required=True)
            parser.add_argument("--env", action="append")
            parser.add_argument("image")
            parser.add_argument("inside", nargs=argparse.REMAINDER)
            given = parser.parse_args()
            outside, there = given.volume.split(":")
            assert all(one in os.environ or "=" in one for one in given.env), given.env
            assert given.user == f"{{os.getuid()}}:{{os.getgid()}}" and given.rm and given.network == "host"
            assert given.inside[:2] == ["zap.sh", "-cmd"], given.inside
            path = given.inside[given.inside.index("-autorun") + 1]
            plan = json.loads(Path(path.replace(there, outside, 1)).read_text())
            jobs = {{job["type"]: job["parameters"] for job in plan["jobs"]}}
            assert jobs["openapi"]["apiFile"].startswith(there), "a path that is none inside"
            report = Path(jobs["report"]["reportDir"].replace(there, outside, 1), jobs["report"]["reportFile"])
            """
            folder = tmp_path / "bin"
            folder.mkdir()
            (folder / "docker").write_text(f"#!{sys.executable}\n{dedent(head)}\n{dedent(body)}\n")
            (folder / "docker").chmod(0o700)
            monkeypatch.setenv("PATH", str(folder))
            monkeypatch.setenv("GARRISON_ZAP_IMAGE", IMAGE)
            return calls

        return write

    def test_through_docker_it_is_driven_the_same_way(
        self, docker: Callable[[str], Path], target: tuple[Live, list[int]]
    ) -> None:
        said = json.dumps(ZAP).replace("8000", target[0].url.rpartition(":")[2])
        calls = docker(f"report.write_text({said!r})")
        given = live(target[0].url, header="Authorization", secret="s3cret")
        result = Zap(given).run(NOBODY, Limits(30))
        assert result.status.outcome is Outcome.OK, result.status
        assert [one.id for one in result.findings] == ["zap/40018"]
        (call,) = map(json.loads, calls.read_text().splitlines())
        assert IMAGE in call
        assert "s3cret" not in repr(call)

    def test_a_container_that_does_not_end_is_removed(
        self, docker: Callable[[str], Path], target: tuple[Live, list[int]]
    ) -> None:
        calls = docker("time.sleep(60)")
        assert Zap(target[0]).run(NOBODY, Limits(2)).status.outcome is Outcome.ERROR
        started, removed = map(json.loads, calls.read_text().splitlines())
        assert removed == ["rm", "--force", started[started.index("--name") + 1]]

    @pytest.mark.parametrize("lie", ["no report", "half a report", "nothing about the target", "a strange end"])
    def test_through_docker_a_run_that_did_not_look_is_an_error(
        self, lie: str, docker: Callable[[str], Path], target: tuple[Live, list[int]]
    ) -> None:
        body, reason = LIES[lie]
        docker(body)
        result = Zap(target[0]).run(NOBODY, Limits(20))
        assert (result.status.outcome, reason in result.status.detail) == (Outcome.ERROR, True)

    @pytest.mark.parametrize("image", ["", "zaproxy/zap-stable:latest", "x@sha256:12", "--privileged"])
    def test_an_image_without_a_digest_is_not_run(
        self, image: str, docker: Callable[[str], Path], target: tuple[Live, list[int]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls = docker("")
        monkeypatch.setenv("GARRISON_ZAP_IMAGE", image)
        assert Zap(target[0]).run(NOBODY, Limits(20)).status.outcome is Outcome.SKIPPED
        assert not calls.exists()

    @pytest.mark.parametrize("lie", LIES)
    def test_a_run_that_did_not_look_is_an_error(
        self, lie: str, zap: Callable[[str], Path], target: tuple[Live, list[int]]
    ) -> None:
        body, reason = LIES[lie]
        result = Zap(target[0], program=zap(body)).run(NOBODY, Limits(3 if lie == "no end" else 20))
        assert result.status.outcome is Outcome.ERROR
        assert reason in result.status.detail

    def test_a_report_in_the_documented_format_is_imported(self) -> None:
        result = read_zap(ZAP, live("http://127.0.0.1:8000"))
        assert len(result.findings) == 1, "two instances of one place are one finding, false positives are none"
        one = result.findings[0]
        assert (one.severity, one.cwe, one.location and one.location.key) == (Severity.HIGH, (89,), "GET /items")
        assert "<p>" not in one.consequence + one.remedy

    def test_the_same_hole_is_known_again_whatever_the_attack_was(self) -> None:
        other = json.loads(json.dumps(ZAP).replace("1%27+OR+1", "2%27+OR+2"))
        first, again = (read_zap(one, live("http://127.0.0.1:8000")).findings[0] for one in (ZAP, other))
        assert first.fingerprint == again.fingerprint

    def test_it_may_be_missing_and_says_so(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "")
        status = Zap(live("http://localhost")).run(NOBODY, Limits()).status
        assert (status.outcome, status.required) == (Outcome.SKIPPED, False)
