"""`garrison scan deps` for npm: metadata as a real registry gave it, who is asked, and with which token."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from garrison.scan import registry_npm as module
from garrison.scan.advisories import import_records
from garrison.scan.index import NoIndex
from garrison.scan.registry_npm import Registries, registries_of_npm, releases_of_npm
from tests.cli.running import Here, Ran

LEFT_PAD = (Path(__file__).parent / "recorded" / "npm-left-pad.json").read_bytes()
Answer = tuple[int, bytes]


def metadata(*versions: tuple[str, int], **more: dict[str, Any]) -> Answer:
    """Package metadata: versions with the days since each; `more`: fields by version, with `_` for a dot."""
    now = datetime.now(UTC)
    return 200, json.dumps({
        "name": "thing", "dist-tags": {"latest": versions[-1][0]},
        "versions": {one: {"name": "thing", "version": one, **more.get(f"v{one.replace('.', '_')}", {})}
                     for one, _ in versions},
        "time": {"created": "x", "modified": "x"}
        | {one: (now - timedelta(days=days)).isoformat().replace("+00:00", "Z") for one, days in versions},
    }).encode()  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[int, dict[str, Answer], list[str]]]:
    answers: dict[str, Answer] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization', '')}".strip())
            status, body = answers.get(self.path, (404, b'{"error":"Not found"}'))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made.server_port, answers, asked
    made.shutdown()
    made.server_close()


@pytest.fixture
def registry(server: tuple[int, dict[str, Answer], list[str]]) -> Callable[[dict[str, Answer]], tuple[str, list[str]]]:
    """Serve these answers by path; gives the address, and the list of what is asked from now on."""
    port, answers, asked = server
    answers.clear()
    asked.clear()

    def serve(given: dict[str, Answer]) -> tuple[str, list[str]]:
        answers.update(given)
        return f"http://127.0.0.1:{port}", asked

    return serve


def project(tmp_path: Path, packages: dict[str, dict[str, Any]], hole: str = "") -> Path:
    """A project with that lock, and a database that knows of a hole in `hole` below 1.5.0."""
    root = tmp_path / "project"
    root.mkdir()
    lock = {"name": "x", "lockfileVersion": 3, "packages": {"": {"name": "x"}} | {
        f"node_modules/{name}": {"version": "1.0.0", **more} for name, more in packages.items()
    }}  # fmt: skip
    (root / "package-lock.json").write_text(json.dumps(lock, indent=1))
    record = {
        "id": "GHSA-1", "modified": datetime.now(UTC).isoformat(), "summary": "a hole",
        "affected": [{"package": {"ecosystem": "npm", "name": hole or "none"},
                      "ranges": [{"type": "SEMVER", "events": [{"introduced": "0"}, {"fixed": "1.5.0"}]}]}],
    }  # fmt: skip
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "a.json").write_text(json.dumps(record))
    import_records(tmp_path / "records", tmp_path / "advisories.sqlite")
    return root


def run(root: Path, address: str, *words: str) -> Ran:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GARRISON_ADVISORIES", str(root.parent / "advisories.sqlite"))
        return Here(root).run("scan", "deps", str(root), "--registry", address, *words)


class TestMetadata:
    def test_a_real_answer_is_read(self, registry: Callable[..., tuple[str, list[str]]]) -> None:
        address, asked = registry({"/left-pad": (200, LEFT_PAD)})
        found, page = releases_of_npm(Registries({"": address}), "left-pad")
        assert [one.version for one in found][-3:] == ["1.1.3", "1.2.0", "1.3.0"]
        assert all(one.uploaded for one in found)
        assert (page, asked) == ("https://github.com/stevemao/left-pad/releases", ["/left-pad"])

    def test_versions_from_before_semantic_versioning_spoil_nothing(
        self, registry: Callable[..., tuple[str, list[str]]]
    ) -> None:
        """Seen in express: `1.0.0beta`, `3.0.0rc2`."""
        address, _ = registry({"/@a%2Fthing": metadata(("1.0.0beta", 900), ("1.0.0", 800), ("2.0.0", 3))})
        assert [one.version for one in releases_of_npm(Registries({"": address}), "@a/thing")[0]] == ["1.0.0", "2.0.0"]

    @pytest.mark.parametrize("url", ["git+https://github.com/a/b.git", "git://github.com/a/b", "git@github.com:a/b.git",
                                     "github:a/b", "https://github.com/a/b/"])  # fmt: skip
    def test_the_changelog_is_where_the_project_releases(
        self, url: str, registry: Callable[..., tuple[str, list[str]]]
    ) -> None:
        address, _ = registry({"/thing": metadata(("1.0.0", 1), v1_0_0={"repository": {"type": "git", "url": url}})})
        assert releases_of_npm(Registries({"": address}), "thing")[1] == "https://github.com/a/b/releases"

    @pytest.mark.parametrize("name", ["..", "../x", "a/b", "@a/../b", "", "a?b", "x\n"])
    def test_a_name_that_is_none_is_not_asked_about(
        self, name: str, registry: Callable[..., tuple[str, list[str]]]
    ) -> None:
        address, asked = registry({})
        with pytest.raises(NoIndex, match="no name"):
            releases_of_npm(Registries({"": address}), name)
        assert asked == []


class TestWhoIsAsked:
    def test_a_scope_has_its_registry_and_a_token_only_goes_where_it_is_bound_to(self) -> None:
        made = Registries(
            {"": "https://a.example/", "@us": "https://b.example/npm/"},
            {"//b.example/npm": "one", "//b.example/npm/deep": "other"},
        )
        assert (made.of("@us/thing"), made.of("@them/thing")) == ("https://b.example/npm/", "https://a.example/")
        assert made.token("https://b.example/npm/") == "one"
        for address in (
            "https://a.example/",
            "https://b.example/",
            "https://b.example/npmx/",
            "https://b.example.org/npm/",
        ):
            assert made.token(address) == "", address
        assert made.token("http://b.example/npm/") == ""  # not in clear

    def test_npm_is_asked_and_its_users_token_is_sent(
        self, registry: Callable[..., tuple[str, list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """By a stand-in for npm: it prints what `npm config list --json` does."""
        address, asked = registry({"/us/@us%2Fthing": metadata(("1.0.0", 9)), "/thing": metadata(("1.0.0", 9))})
        (tmp_path / ".npmrc").write_text(f"{address.removeprefix('http:')}/us/:_authToken = ${{US_TOKEN}}\n")
        said = {"registry": f"{address}/", "@us:registry": f"{address}/us/", "userconfig": "/elsewhere"}
        asks = ["config", "list", "--json", f"--userconfig={tmp_path / '.npmrc'}"]
        npm = tmp_path / "npm"
        npm.write_text(f"#!{sys.executable}\nimport sys\nassert sys.argv[1:] == {asks}\n"
                       f"print({json.dumps(said)!r})\n")  # fmt: skip
        npm.chmod(0o700)
        monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
        monkeypatch.setenv("US_TOKEN", "s3cret")
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("NPM_CONFIG_USERCONFIG", raising=False)
        made = registries_of_npm(tmp_path)
        assert "s3cret" not in repr(made)
        for name in ("@us/thing", "thing"):
            releases_of_npm(made, name)
        assert asked == ["/us/@us%2Fthing Bearer s3cret", "/thing"]

    @pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
    def test_the_real_npm_tells_its_registry(self, tmp_path: Path) -> None:
        (tmp_path / "package.json").write_text("{}")
        (tmp_path / ".npmrc").write_text("registry=https://packages.example/npm/\n@us:registry=https://us.example/\n")
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.lower() == "npm_config_registry"]:
                patch.delenv(name)
            made = registries_of_npm(tmp_path)
        assert (made.of("thing"), made.of("@us/thing")) == ("https://packages.example/npm/", "https://us.example/")

    @pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
    def test_a_project_gets_no_variable_of_the_environment_out(
        self, registry: Callable[..., tuple[str, list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its npmrc names a registry, a file with a token, and variables. The control: npm believes it."""
        address, asked = registry({})
        root, home = tmp_path / "project", tmp_path / "home"
        root.mkdir()
        home.mkdir()
        lines = f"registry={address}/${{npm_config__auth}}/\nuserconfig=./evil\n"
        (root / ".npmrc").write_text(lines)
        (root / "evil").write_text(f"{address.removeprefix('http:')}/:_authToken=${{CANARY}}\n")
        for name, value in (("CANARY", "c4nary"), ("npm_config__auth", "c4nary"), ("HOME", str(home))):
            monkeypatch.setenv(name, value)
        for name in [name for name in os.environ if module._ASKED.fullmatch(name)]:
            monkeypatch.delenv(name)
        believed = subprocess.run(["npm", "config", "list", "--json"], cwd=root, check=True, capture_output=True)
        assert b"/c4nary/" in believed.stdout
        assert json.loads(believed.stdout)["userconfig"] == str(root / "evil")
        with pytest.raises(NoIndex):
            releases_of_npm(registries_of_npm(root), "thing")
        assert len(asked) == 1
        assert "c4nary" not in asked[0]
        (home / ".npmrc").write_text((root / "evil").read_text())  # what the user's own says goes there
        with pytest.raises(NoIndex):
            releases_of_npm(registries_of_npm(root), "thing")
        assert asked[1].endswith("Bearer c4nary")

    @pytest.mark.parametrize("body", ["sys.exit('boom')", "print('{')", "print('[]')", ""])
    def test_an_npm_that_does_not_tell_is_a_reason(
        self, body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        npm = tmp_path / "npm"
        npm.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
        npm.chmod(0o700)
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(NoIndex, match="does not tell"):
            registries_of_npm(tmp_path)

    def test_without_npm_every_package_is_named_and_nobody_is_asked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module.shutil, "which", lambda _: None)
        ran = run(project(tmp_path, {"thing": {}}), "")
        assert (ran.code, "thing (npm is not installed" in ran.said) == (3, True)


LIES = {
    "is missing": ((404, b"{}"), "does not have it"),
    "is ill": ((500, b""), "answered 500"),
    "wants a log-in": ((401, b""), "answered 401"),
    "has no API": ((200, b'{"files": []}'), "answered something else"),
    "is cut short": ((200, LEFT_PAD[:400]), "answered something else"),
    "is a page": ((200, b"<a href='/log-in'>"), "answered something else"),
    "has no release": ((200, b'{"versions": {}}'), "answered something else"),
    "has a date that is none": ((200, b'{"versions": {"1.0.0": {}}, "time": {"1.0.0": "soon"}}'), "something else"),
}


class TestCommand:
    def test_the_least_that_has_to_change_is_printed_with_its_risks(
        self, registry: Callable[..., tuple[str, list[str]]], tmp_path: Path
    ) -> None:
        script = {"scripts": {"postinstall": "node install.js", "test": "x"}}
        address, asked = registry({
            "/thing": metadata(("1.0.0", 400), ("1.4.0", 90), ("1.5.0", 30), ("2.0.0", 20), v1_5_0=script),
            "/other": metadata(("1.0.0", 400), ("1.0.1", 2), v1_0_0={"deprecated": "use String.padStart"}),
        })  # fmt: skip
        root = project(tmp_path, {"thing": {}, "other": {}, "thing/node_modules/other": {}}, hole="thing")
        ran = run(root, address, "--format", "json")
        assert ran.code == 1, ran.said
        found = {one["name"]: one for one in ran.json["dependencies"]}
        thing, other = found["thing"], found["other"]
        assert (thing["upgrade"], thing["age_days"], thing["risk"], thing["advisories"]) == (
            "1.5.0", 400, ["runs a script when it is installed"], ["GHSA-1"]
        )  # fmt: skip
        assert (other["upgrade"], other["waiting"], other["deprecated"]) == ("", "1.0.1", "use String.padStart")
        assert sorted(asked) == ["/other", "/thing"], "each is asked about once"
        assert "thing@1.5.0" in run(root, address).flat

    def test_below_1_0_the_second_number_is_what_may_break(
        self, registry: Callable[..., tuple[str, list[str]]], tmp_path: Path
    ) -> None:
        address, _ = registry({"/thing": metadata(("0.25.0", 400), ("0.25.9", 300), ("0.28.0", 200))})
        root = project(tmp_path, {"thing": {"version": "0.25.0"}})
        assert run(root, address, "--format", "json").json["dependencies"][0]["upgrade"] == "0.25.9"

    def test_a_version_that_was_taken_out_of_the_registry_has_to_go(
        self, registry: Callable[..., tuple[str, list[str]]], tmp_path: Path
    ) -> None:
        status, body = metadata(("1.0.0", 30), ("1.0.1", 20))
        data = json.loads(body)
        del data["versions"]["1.0.0"]
        address, _ = registry({"/thing": (status, json.dumps(data).encode())})
        ran = run(project(tmp_path, {"thing": {}}), address, "--format", "json")
        one = ran.json["dependencies"][0]
        assert (ran.code, one["yanked"], one["upgrade"]) == (1, "taken out of the registry", "1.0.1")

    def test_deprecated_versions_are_taken_only_where_all_are(
        self, registry: Callable[..., tuple[str, list[str]]], tmp_path: Path
    ) -> None:
        old = {"deprecated": "no"}
        address, _ = registry({"/thing": metadata(("1.0.0", 90), ("1.5.0", 80), ("1.6.0", 70), v1_6_0=old),
                               "/other": metadata(("1.0.0", 90), ("1.5.0", 80), v1_5_0=old)})  # fmt: skip
        ran = run(project(tmp_path, {"thing": {}, "other": {}}), address, "--format", "json")
        found = {one["name"]: (one["upgrade"], one["risk"]) for one in ran.json["dependencies"]}
        assert found == {"thing": ("1.5.0", []), "other": ("1.5.0", ["deprecated"])}

    @pytest.mark.parametrize("lie", LIES)
    def test_a_registry_that_does_not_say_is_no_clean_project(
        self, lie: str, registry: Callable[..., tuple[str, list[str]]], tmp_path: Path
    ) -> None:
        answer, reason = LIES[lie]
        address, _ = registry({"/thing": answer})
        ran = run(project(tmp_path, {"thing": {}}), address.replace("//", "//user:s3cret@"))
        assert (ran.code, reason in ran.said) == (3, True), ran.said
        assert "s3cret" not in ran.out + ran.err

    def test_no_network_no_dates_and_no_advisories_of_npm_are_said(
        self, registry: Callable[..., tuple[str, list[str]]], tmp_path: Path
    ) -> None:
        address, _ = registry({"/thing": (200, b'{"versions": {"1.0.0": {}, "1.1.0": {}}}')})
        root = project(tmp_path, {"thing": {}})
        assert "tells no dates" in run(root, address).said
        assert "does not answer" in run(root, "http://127.0.0.1:9").said
        record = json.loads((tmp_path / "records" / "a.json").read_text().replace('"npm"', '"PyPI"'))
        (tmp_path / "records" / "a.json").write_text(json.dumps(record))
        import_records(tmp_path / "records", tmp_path / "advisories.sqlite")
        ran = run(root, address)
        assert (ran.code, "known holes of npm" in ran.said) == (3, True)

    def test_what_is_of_no_registry_is_named_and_no_registry_hears_of_it(
        self, registry: Callable[..., tuple[str, list[str]]], tmp_path: Path
    ) -> None:
        address, asked = registry({"/thing": metadata(("1.0.0", 90))})
        root = project(tmp_path, {
            "thing": {"resolved": "https://packages.example/thing/-/thing-1.0.0.tgz"},
            "ours": {"resolved": "git+ssh://git@git.example/us/ours.git#0123456"},
            "theirs": {"resolved": "https://files.example/theirs.tgz"},
        })  # fmt: skip
        ran = run(root, address)
        assert (ran.code, asked) == (3, ["/thing"])
        for name in ("ours", "theirs"):
            assert f"{name} 1.0.0 (it comes from no registry)" in ran.said

    @pytest.mark.parametrize(
        ("lock", "manager"), [("yarn.lock", "Yarn"), ("pnpm-lock.yaml", "pnpm"), ("bun.lock", "Bun")]
    )
    def test_a_lock_that_is_not_read_is_named_and_the_scan_closes(
        self, lock: str, manager: str, registry: Callable[..., tuple[str, list[str]]], tmp_path: Path
    ) -> None:
        root = project(tmp_path, {})
        (root / "package-lock.json").unlink()
        (root / lock).write_text('a@^1:\n  version "1.0.0"\n')
        said = f"{lock} is a lock of {manager}, which is not read"
        ran = run(root, registry({})[0])
        assert (ran.code, said in ran.said) == (3, True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("GARRISON_ADVISORIES", str(tmp_path / "advisories.sqlite"))
            scanned = Here(root).run("scan", str(root), "--only", "advisories")
        assert (scanned.code, said in scanned.flat) == (3, True), scanned.flat
