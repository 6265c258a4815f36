"""`garrison scan deps`: what to take, what waits, and what an index that does not answer does to the verdict."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.scan.advisories import import_records
from garrison.scan.index import NoIndex, Release, _NotBack, index_of_pip, releases
from garrison.scan.lockfiles import Dependency, NotRead, read_lock
from garrison.scan.outdated import Advice, advise
from tests.cli.running import Here, Ran

TODAY = date(2027, 1, 15)
ONE = Dependency("thing", "1.0", "uv.lock")


def release(version: str, days: int | None = 100, **more: object) -> Release:
    when = datetime(2027, 1, 15, tzinfo=UTC) - timedelta(days=days) if days is not None else None
    fields: dict[str, object] = {"yanked": "", "wheel": True, **more}
    return Release(version, when, **fields)  # type: ignore[arg-type]


def judged(*known: Release, holes: tuple[str, ...] = (), now: str = "1.0") -> Advice:
    one = Dependency("thing", now, "uv.lock")
    return advise(one, known, lambda version: ["PYSEC-1"] if version in holes else [], TODAY)


LIES = {
    "is missing": ({}, "does not have it"),
    "is ill": ({"thing": (500, "text/html", b"")}, "answered 500"),
    "has no API": ({"thing": (200, "application/json", b"{}")}, "answered something else"),
    "is cut short": ({"thing": (200, "application/json", b'{"files": [')}, "answered something else"),
    "is a page": ({"thing": (200, "text/html", b"<a href='/log-in'>")}, "answered something else"),
}


class TestAdvice:
    def test_a_hole_is_mended_by_the_lowest_version_without_one(self) -> None:
        made = judged(*map(release, ("1.0", "1.1", "1.2", "2.0")), holes=("1.0", "1.1"))
        assert (made.upgrade, made.advisories, made.risk) == ("1.2", ("PYSEC-1",), ())

    def test_a_fix_that_is_older_than_the_cool_down_goes_before_a_younger_one(self) -> None:
        made = judged(release("1.0"), release("1.1", 1), release("1.2", 30), holes=("1.0",))
        assert made.upgrade == "1.2"

    def test_a_hole_does_not_wait_for_the_cool_down_and_says_so(self) -> None:
        made = judged(release("1.0"), release("1.1", 1), holes=("1.0",))
        assert (made.upgrade, made.risk) == ("1.1", ("younger than the cool-down",))

    def test_without_a_hole_a_fresh_release_waits(self) -> None:
        made = judged(release("1.0"), release("1.1", 30), release("1.2", 6))
        assert (made.upgrade, made.waiting, made.latest) == ("1.1", "1.2", "1.2")
        assert judged(release("1.0"), release("1.2", 7)).upgrade == "1.2"

    def test_a_version_that_was_taken_back_has_to_go_and_is_never_advised(self) -> None:
        made = judged(release("1.0", yanked="broken"), release("1.1", yanked="worse"), release("1.2"))
        assert (made.urgent, made.upgrade) == (True, "1.2")

    def test_risks_are_named(self) -> None:
        made = judged(release("1.0"), release("2.0", wheel=False), holes=("1.0",))
        assert made.risk == ("major version", "no wheel: its build runs code")

    def test_nothing_safe_is_said_and_not_hidden(self) -> None:
        made = judged(release("1.0"), release("1.1"), holes=("1.0", "1.1"))
        assert (made.upgrade, made.why, made.urgent) == ("", "nothing safe to take", True)

    def test_pre_releases_and_releases_for_other_pythons_are_left_alone(self) -> None:
        made = judged(release("1.0"), release("1.1rc1"), release("1.2", python="<3"))
        assert (made.upgrade, made.behind) == ("", 0)

    @given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(0, 60), st.booleans(), st.booleans())))
    def test_what_is_advised_is_newer_known_to_be_free_of_holes_and_not_taken_back(
        self, drawn: list[tuple[int, int, int, bool, bool]]
    ) -> None:
        from packaging.version import Version

        once = {f"{major}.{minor}": (days, yank, hole) for major, minor, days, yank, hole in drawn}
        known = [release(version, days, yanked="x" if yank else "") for version, (days, yank, _) in once.items()]
        known.sort(key=lambda one: Version(one.version))
        holes = tuple(version for version, (_, _, hole) in once.items() if hole)
        made = judged(*known, holes=holes)
        if made.upgrade:
            days, yank, hole = once[made.upgrade]
            assert Version(made.upgrade) > Version("1.0")
            assert not yank
            assert not hole
            assert days >= 7 or (made.urgent and "younger than the cool-down" in made.risk)


Answer = tuple[int, str, bytes]


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[dict[str, Answer]], list[str]]]:
    """A package index on loopback, reached as pip is told; gives the list of what it was asked."""
    answers: dict[str, Answer] = {}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization', '')}".strip())
            status, kind, body = answers.get(self.path.strip("/").rpartition("/")[2], (404, "text/plain", b""))
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PIP_INDEX_URL", f"http://user:s3cret@127.0.0.1:{server.server_port}/simple")
    monkeypatch.setenv("GARRISON_ADVISORIES", str(tmp_path / "advisories.sqlite"))

    def serve(given: dict[str, Answer]) -> list[str]:
        answers.update(given)
        return asked

    yield serve
    server.shutdown()
    server.server_close()


def simple(name: str, *versions: tuple[str, int]) -> Answer:
    now = datetime.now(UTC)
    files = [
        {"filename": f"{name}-{version}-py3-none-any.whl", "upload-time": (now - timedelta(days=days)).isoformat()}
        for version, days in versions
    ]
    return 200, "application/vnd.pypi.simple.v1+json", json.dumps({"files": files}).encode()


def project(tmp_path: Path, holes: bool = True) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "requirements.txt").write_text("thing==1.0\nother==2.0\n")
    (root / "app.py").write_text("import thing\n")
    record = {
        "id": "PYSEC-2027-1", "modified": datetime.now(UTC).isoformat(), "summary": "a hole",
        "affected": [{"package": {"ecosystem": "PyPI", "name": "thing" if holes else "none"},
                      "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.5"}]}]}],
    }  # fmt: skip
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "a.json").write_text(json.dumps(record))
    import_records(tmp_path / "records", tmp_path / "advisories.sqlite")
    return root


def run(root: Path, *words: str) -> Ran:
    return Here(root).run("scan", "deps", str(root), *words)


class TestCommand:
    def test_the_least_that_has_to_change_is_printed(self, index: Callable[..., list[str]], tmp_path: Path) -> None:
        asked = index({"thing": simple("thing", ("1.0", 400), ("1.4", 90), ("1.5", 30), ("2.0", 20)),
                       "other": simple("other", ("2.0", 400), ("2.1", 2))})  # fmt: skip
        ran = run(project(tmp_path), "--format", "json")
        assert ran.code == 1
        found = {one["name"]: one for one in ran.json["dependencies"]}
        assert (found["thing"]["upgrade"], found["thing"]["age_days"], found["thing"]["imported"]) == ("1.5", 400, True)
        assert (found["other"]["upgrade"], found["other"]["waiting"]) == ("", "2.1")
        assert sorted(asked)[0].startswith("/simple/other/ Basic ")
        assert "thing==1.5" in run(tmp_path / "project").flat

    def test_all_current_is_fine(self, index: Callable[..., list[str]], tmp_path: Path) -> None:
        index({"thing": simple("thing", ("1.0", 400)), "other": simple("other", ("2.0", 400))})
        ran = run(project(tmp_path, holes=False))
        assert (ran.code, "2 dependencies, 0 of them have to change." in ran.said) == (0, True)

    @pytest.mark.parametrize("lie", LIES)
    def test_an_index_that_does_not_say_is_no_clean_project(
        self, lie: str, index: Callable[..., list[str]], tmp_path: Path
    ) -> None:
        answers, reason = LIES[lie]
        index({"other": simple("other", ("2.0", 400)), **answers})
        ran = run(project(tmp_path))
        assert ran.code == 3
        assert f"thing (127.0.0.1 {reason}" in ran.said
        assert "s3cret" not in ran.out + ran.err

    def test_an_index_without_dates_can_not_cool_down_and_says_so(
        self, index: Callable[..., list[str]], tmp_path: Path
    ) -> None:
        page = b"<a href='x/thing-1.0.tar.gz'>a</a><a data-yanked='' href='x/thing-1.6.tar.gz#sha256=0'>b</a>"
        page += b"<a href='x/thing-1.7-py3-none-any.whl'>c</a>"
        index({"thing": (200, "text/html", page), "other": simple("other", ("2.0", 400))})
        ran = run(project(tmp_path), "--format", "json")
        assert ran.code == 3
        assert ran.json["dependencies"][0]["upgrade"] == "1.7"
        assert "the index tells no dates" in ran.said

    def test_no_network_and_no_database_are_said(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GARRISON_ADVISORIES", str(tmp_path / "none"))
        ran = run(project(tmp_path), "--index", "http://127.0.0.1:9/simple")
        assert ran.code == 3
        assert "does not answer" in ran.said
        assert "no database" in ran.said

    def test_the_index_is_the_one_that_pip_is_configured_for(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delenv("PIP_INDEX_URL", raising=False)
        (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://packages.example/simple\n")
        monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
        assert index_of_pip() == "https://packages.example/simple"

    @pytest.mark.parametrize("address", ["file:///etc", "ftp://127.0.0.1/"])
    def test_only_http_is_asked(self, address: str) -> None:
        with pytest.raises(NoIndex, match="not http"):
            releases(address, "thing")

    def test_an_index_that_answers_for_ever_is_no_index(self) -> None:
        begins = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
        # On a busy machine the server may pause for longer than one wait, which is a reason as well.
        said = "does not come to an end|does not answer"
        with odd_server(begins, for_ever=True) as address, pytest.raises(NoIndex, match=said):
            releases(address, "thing", 0.2)

    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            (b"\x00\x01garbage\r\n\r\n", "does not answer"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", "97 bytes too early"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "does not answer"),
            (b"", "does not answer"),
        ],
    )
    def test_what_is_no_whole_answer_is_a_reason_and_no_crash(self, answer: bytes, says: str) -> None:
        with odd_server(answer) as address, pytest.raises(NoIndex, match=says):
            releases(address, "thing", 5)

    def test_a_redirect_out_of_tls_is_not_followed(self) -> None:
        """The control: one that stays in it is."""
        asked, handler = Request("https://packages.example/simple/thing/"), _NotBack()
        with pytest.raises(NoIndex, match="without TLS"):
            handler.redirect_request(asked, None, 302, "", {}, "http://packages.example/thing/")
        assert handler.redirect_request(asked, None, 302, "", {}, "https://files.example/thing/") is not None


@contextmanager
def odd_server(answer: bytes, *, for_ever: bool = False) -> Iterator[str]:
    """Says these bytes to whoever asks, and with `for_ever` one more after the other until they go."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                came, _ = listening.accept()
                with came, suppress(OSError):
                    came.recv(65536)
                    came.sendall(answer)
                    while for_ever:
                        came.sendall(b" ")
                        time.sleep(0.05)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/simple"
    finally:
        listening.close()


ONE_IN = '[[package]]\nname = "x"\nversion = "1"\n'


class TestRequirements:
    def test_what_comes_by_an_address_or_a_file_is_named_and_never_with_its_password(self, tmp_path: Path) -> None:
        lines = {
            "git+https://me:s3cret@git.example/us/thing.git@v1#egg=The_Thing": "the-thing",
            "-e git+ssh://git@git.example/us/other.git@abc123": "other",
            "--editable=hg+https://hg.example/us/third": "third",
            "https://me:s3cret@files.example/fourth-1.2-py3-none-any.whl?x=y": "fourth",
            "./wheels/fifth-2.0.tar.gz": "fifth",
        }
        (tmp_path / "requirements.txt").write_text("\n".join(["# why", "-e .", "./local", "plain==1", *lines]))
        found = read_lock(tmp_path, "requirements.txt")
        assert [(one.name, one.elsewhere) for one in found] == [
            ("plain", False),
            *((one, True) for one in lines.values()),
        ]
        assert "s3cret" not in repr(found)
        ran = Here(tmp_path).run("scan", "deps", str(tmp_path), "--index", "http://127.0.0.1:9/simple")
        assert ran.code == 3
        assert "the-thing (it comes from no registry)" in ran.said
        assert "s3cret" not in ran.said

    def test_files_that_are_taken_in_are_read_once_and_one_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "deps").mkdir()
        (tmp_path / "requirements.txt").write_text("-r deps/base.txt\n--requirement=requirements-dev.txt\na==1\n")
        (tmp_path / "requirements-dev.txt").write_text("dev==1\n")  # a lock by its name: read as one
        (tmp_path / "deps" / "base.txt").write_text("-r more.txt\nb==1\n")
        (tmp_path / "deps" / "more.txt").write_text("-rbase.txt\nc==1\n")
        found = read_lock(tmp_path, "requirements.txt")
        assert [(one.name, one.path) for one in found] == [
            ("a", "requirements.txt"), ("b", "deps/base.txt"), ("c", "deps/more.txt"),
        ]  # fmt: skip
        for other in ("gone.txt", "../../etc/passwd", "/etc/passwd"):
            (tmp_path / "requirements.txt").write_text(f"-r {other}\n")
            with pytest.raises(NotRead, match="not in the project"):
                read_lock(tmp_path, "requirements.txt")
            assert f"takes in {other}" in Here(tmp_path).run("scan", "deps", str(tmp_path)).said

    @pytest.mark.parametrize(
        ("path", "text", "elsewhere"),
        [
            ("uv.lock", ONE_IN + 'source = { git = "https://git.example/x?rev=a#b" }', True),
            ("uv.lock", ONE_IN + 'source = { url = "https://files.example/x.whl" }', True),
            ("uv.lock", ONE_IN + 'source = { registry = "https://pypi.example" }', False),
            ("poetry.lock", ONE_IN + '[package.source]\ntype = "git"\nurl = "https://a"', True),
            ("poetry.lock", ONE_IN + '[package.source]\ntype = "legacy"', False),
            ("poetry.lock", ONE_IN, False),
            ("pdm.lock", ONE_IN + 'git = "https://git.example/x"', True),
            ("pylock.toml", '[[packages]]\nname = "x"\nversion = "1"\nvcs = { type = "git", url = "https://a" }', True),
            ("pylock.toml", '[[packages]]\nname = "x"\nversion = "1"\nindex = "https://pypi.example"', False),
            ("Pipfile.lock", '{"default": {"x": {"git": "https://git.example/x", "ref": "a"}}}', True),
            ("Pipfile.lock", '{"default": {"x": {"version": "==1", "index": "pypi"}}}', False),
        ],
    )  # fmt: skip
    def test_no_index_hears_of_what_does_not_come_from_one(
        self, path: str, text: str, elsewhere: bool, index: Callable[..., list[str]], tmp_path: Path
    ) -> None:
        """The control: of the others it does."""
        (tmp_path / path).write_text(text)
        assert [one.elsewhere for one in read_lock(tmp_path, path)] == [elsewhere]
        asked = index({"x": simple("x", ("1", 50))})
        ran = Here(tmp_path).run("scan", "deps", str(tmp_path))
        assert ("it comes from no registry" in ran.said) is elsewhere
        assert bool(asked) is not elsewhere
