"""`garrison scan db update`: a new database, or the old one as it was; never less than it knew."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from garrison.scan.advisories import Advisories, ArchiveUnusable
from garrison.scan.advisories_update import OSV, AddressRefused, NoUpdate, known_ecosystems, update
from tests.cli.running import Here

Answer = tuple[int, dict[str, str], bytes]


def archive(day: str, ecosystem: str = "PyPI", count: int = 1) -> Answer:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for number in range(count):
            affected = [{"package": {"ecosystem": ecosystem, "name": "thing"}, "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.5.0"}]}]}]  # fmt: skip
            record = {"id": f"X-{ecosystem}-{number}", "modified": f"{day}T00:00:00Z", "affected": affected}
            file.writestr(f"{number}.json", json.dumps(record))
    return 200, {}, made.getvalue()


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, dict[str, Answer]]]:
    answers: dict[str, Answer] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for key, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(key, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{made.server_port}", answers
    made.shutdown()
    made.server_close()


@pytest.fixture
def mirror(server: tuple[str, dict[str, Answer]]) -> Callable[[Answer], str]:
    """Serve this, and only this; gives its address."""
    address, answers = server
    answers.clear()

    def serve(given: Answer, path: str = "/PyPI/all.zip") -> str:
        answers[path] = given
        return f"{address}{path}"

    return serve


def days(file: Path) -> dict[str, str]:
    with closing(Advisories(file)) as known:
        return {one: day.isoformat() for one, day in known.days.items()}


def test_what_a_mirror_has_becomes_the_database(mirror: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "folder" / "known.sqlite"
    assert update([mirror(archive("2026-11-20", count=3))], file) == 3
    assert known_ecosystems(file) == ("PyPI",)
    both = [mirror(archive("2026-11-21")), mirror(archive("2026-11-22", "npm"), "/npm/all.zip")]
    assert update(both, file) == 2
    assert days(file) == {"PyPI": "2026-11-21", "npm": "2026-11-22"}
    assert known_ecosystems(file) == ("PyPI", "npm")
    assert sorted(one.name for one in file.parent.iterdir()) == ["known.sqlite"], "nothing is left beside it"


LIES: dict[str, tuple[Answer, str]] = {
    "older": (archive("2026-11-19"), "it is older"),
    "another ecosystem": (archive("2026-11-25", "npm"), "nothing of PyPI"),
    "missing": ((404, {}, b""), "answered 404"),
    "cut short": ((200, {"Content-Length": "99999"}, archive("2026-11-25")[2][:80]), "too early"),
    "no archive": ((200, {}, b"<html>log in</html>"), "can't be read"),
    "an empty one": (archive("2026-11-25", count=0), "no OSV record"),
    "too large": ((200, {}, b"x" * 100_001), "more than 100000 bytes"),
    "a redirect to plain http": ((302, {"Location": "http://mirror.example/all.zip"}, b""), "only https"),
    "a redirect to a file": ((302, {"Location": "file:///etc/passwd"}, b""), "answered 302"),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_is_no_newer_whole_archive_changes_nothing(lie: str, mirror: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "known.sqlite"
    update([mirror(archive("2026-11-20"))], file)
    before = file.read_bytes()
    answer, reason = LIES[lie]
    with pytest.raises((NoUpdate, ArchiveUnusable, AddressRefused), match=reason):
        update([mirror(answer)], file, 100_000)
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["known.sqlite"]


@pytest.mark.parametrize("address", ["http://mirror.example/all.zip", "file:///tmp/all.zip", "all.zip", "ftp://a/b"])
def test_only_https_is_asked(address: str, tmp_path: Path) -> None:
    with pytest.raises(AddressRefused, match="only https"):
        update([address], tmp_path / "known.sqlite")


def test_by_command(mirror: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GARRISON_ADVISORIES", str(tmp_path / "known.sqlite"))
    here = Here(tmp_path)
    away = here.run("scan", "db", "update", "--from", "http://127.0.0.1:9/all.zip")
    assert (away.code, "URLError" in away.said) == (3, True)
    assert here.run("scan", "db", "update", "--ecosystem", "cargo").code == 2
    ran = here.run("scan", "db", "update", "--from", mirror(archive("2026-11-20")))
    assert (ran.code, "1 advisories" in ran.flat) == (0, True)
    assert OSV.format("PyPI").endswith("/PyPI/all.zip")
