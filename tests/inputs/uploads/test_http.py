"""The way of a file from the socket to the store, and what is left when it ends early."""

import hashlib
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastapi import Request

from garrison import harden
from garrison.core.exchange import Exchange, Principal
from garrison.core.facts import Facts
from garrison.core.verdict import Reason
from garrison.fastapi import exchange
from garrison.inputs.uploads import UploadRule, image
from garrison.inputs.uploads.selftest import ControlFailed
from garrison.testing import assert_refused, captured_events, testing_policy

from . import builders as b
from .gigabyte import scope
from .site import BOUNDARY, FORM, Site, form, part

pytestmark = pytest.mark.anyio
FILE = part("file", b"hello", "a.txt", "Content-Type: text/plain")


async def test_a_file_is_kept_under_a_name_of_ours_with_its_hash_on_record(tmp_path: Path) -> None:
    site = Site(tmp_path / "store")
    with captured_events(site.app) as events:
        answer = await site.send(b"hello", "../O'Brien.txt")
    key = answer.json()["key"]
    stored = tmp_path / "store" / "files" / key
    assert (answer.status_code, len(key), stored.read_bytes()) == (200, 48, b"hello")
    assert (stored.stat().st_mode & 0o777, stored.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    (told,) = events.of("upload_stored")
    assert str(told.details["sha256"]).replace(" ", "") == hashlib.sha256(b"hello").hexdigest()
    assert site.lying() == (0, 1)


async def test_who_brought_and_who_removed_a_file_is_on_record(tmp_path: Path) -> None:
    site = Site(tmp_path)

    @site.inner.delete("/files/{key}")
    async def remove(key: str, request: Request) -> None:
        await site.uploads.delete(key, exchange(request))

    async def who(facts: Facts, current: Exchange) -> Principal | None:
        name = facts.headers.get(b"x-who", b"").decode()
        return Principal(name) if name else None

    site.app = harden(site.inner, testing_policy(), principal=who)
    with captured_events(site.app) as events:
        async with site.client() as client:
            for name in ("ann", ""):
                sent = await client.post("/files", files={"file": ("a.txt", b"x")}, headers={"x-who": name})
                await client.delete(f"/files/{sent.json()['key']}", headers={"x-who": name})
    for kind in ("upload_stored", "upload_delete"):
        assert [event.principal for event in events.of(kind)] == ["ann", ""]
        assert all(event.details["file"] for event in events.of(kind))
    assert site.lying() == (0, 0)


async def test_the_other_fields_of_the_form_come_along(tmp_path: Path) -> None:
    site = Site(tmp_path)
    async with site.client() as client:
        body = form(part("title", "Größe".encode()), FILE, part("after", b"x"))
        answer = await client.post("/files", content=body, headers=FORM)
    assert answer.json()["fields"] == "{'title': 'Größe', 'after': 'x'}"


MALFORMED = {
    "cut": FILE,
    "cut-in-the-file": form(FILE)[:-40],
    "no-file": form(part("title", b"x")),
    "two-files": form(FILE, FILE),
    "another-file": form(part("other", b"hello", "a.txt"), FILE),
    "file-as-a-field": form(part("file", b"hello")),
    "repeated-field": form(part("a", b"1"), part("a", b"2"), FILE),
    "many-fields": form(*(part(f"f{n}", b"") for n in range(50)), FILE),
    "long-field": form(part("a", b"x" * 70_000), FILE),
    "many-headers": form(part("file", b"x", "a.txt", *(f"X-{n}: 1" for n in range(50)))),
    "long-header": form(part("file", b"x", "a.txt", "X-Long: " + "x" * 9000)),
    "repeated-header": form(part("file", b"x", "a.txt", 'Content-Disposition: form-data; name="file"')),
    "transfer-encoding": form(part("file", b"aGVsbG8=", "a.txt", "Content-Transfer-Encoding: base64")),
    "no-name": form(b"--" + BOUNDARY.encode() + b"\r\nContent-Type: text/plain\r\n\r\nx\r\n"),
    "no-parts": form(),
    "not-a-form": b"hello",
    "empty": b"",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
async def test_a_form_that_is_malformed_is_400_and_leaves_nothing(tmp_path: Path, body: bytes) -> None:
    site = Site(tmp_path)
    async with site.client() as client:
        answer = await client.post("/files", content=body, headers=FORM)
        assert_refused(answer, Reason.BODY_MALFORMED, 400)
        assert (await client.post("/files", content=form(FILE), headers=FORM)).status_code == 200  # the control
    assert site.lying() == (0, 1)


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
async def test_a_body_that_is_no_form_is_400(tmp_path: Path, kind: str) -> None:
    site = Site(tmp_path)
    async with site.client() as client:
        answer = await client.post("/files", content=form(FILE), headers={"content-type": kind})
    assert_refused(answer, Reason.BODY_MALFORMED, 400)
    assert site.lying() == (0, 0)


async def test_a_file_over_the_rules_size_is_413_before_all_of_it_has_come(tmp_path: Path) -> None:
    site, sent = Site(tmp_path, UploadRule(most="1 MB")), 0
    await site.uploads.prepare()

    async def receive() -> dict[str, Any]:
        nonlocal sent
        sent += 1
        body = b"x" * 100_000 if sent > 1 else part("file", b"", "a.txt")[:-2]
        return {"type": "http.request", "body": body, "more_body": sent < 70}

    assert await answered(site, receive) == 413
    assert sent < 20
    assert site.lying() == (0, 0)


async def test_a_refused_file_is_recorded_with_its_rule_and_without_its_content(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with captured_events(site.app) as events:
        answer = await site.send(b.PAYLOAD, "a.txt")
    assert_refused(answer, Reason.UPLOAD_REFUSED, 415)
    (refused,) = events.of("upload_refused")
    assert "active" in str(refused.details)
    assert "alert" not in str(refused.details) + answer.text


async def test_a_file_that_the_endpoint_does_not_keep_is_gone(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.broken = True
    assert (await site.send()).status_code == 500
    assert (await site.send(b.picture("PNG"), "a.png")).status_code == 500
    assert site.lying() == (0, 0)


async def test_a_client_that_hangs_up_leaves_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    await site.uploads.prepare()
    messages = [{"type": "http.request", "body": form(FILE)[:-30], "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, Any]:
        if not messages:
            await anyio.sleep_forever()
        return messages.pop(0)

    with anyio.move_on_after(10) as waiting:
        await answered(site, receive)
    assert not waiting.cancelled_caught
    assert site.lying() == (0, 0)


async def test_a_full_disk_is_503_and_leaves_nothing(tmp_path: Path) -> None:
    site = Site(tmp_path)
    async with site.client() as client:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
        try:
            answer = await client.post("/files", files={"file": ("a.txt", b"x" * 400_000)})
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert_refused(answer, Reason.STORE_AWAY, 503)
        assert (await client.post("/files", files={"file": ("a.txt", b"x" * 400_000)})).status_code == 200
    assert site.lying() == (0, 1)


async def test_without_prepare_nothing_is_taken(tmp_path: Path) -> None:
    site = Site(tmp_path)
    async with site.client(prepare=False) as client:
        answer = await client.post("/files", files={"file": ("a.txt", b"hello")})
    assert answer.status_code == 500
    assert not tmp_path.joinpath("files").exists()


async def test_a_decoder_that_does_not_work_is_noticed_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(image, "_WORKER", str(tmp_path / "missing.py"))
    with pytest.raises(ControlFailed, match="decodes pictures"):
        await Site(tmp_path / "store").uploads.prepare()


async def test_a_decoder_that_dies_or_hangs_refuses_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path / "store")
    async with site.client() as client:
        for name, code in (("dies", "import os; os.kill(os.getpid(), 9)"), ("hangs", "import time; time.sleep(60)")):
            worker = tmp_path / f"{name}.py"
            worker.write_text(code)
            monkeypatch.setattr(image, "_WORKER", str(worker))
            monkeypatch.setattr(image, "_SECONDS", 1)
            answer = await client.post("/files", files={"file": ("a.png", b.picture("PNG"))})
            assert_refused(answer, Reason.UPLOAD_REFUSED)
    assert site.lying() == (0, 0)


def test_the_decoder_ends_by_its_own_bounds_when_nobody_counts_the_pixels(tmp_path: Path) -> None:
    """The picture says 900 megapixels, and is allowed them."""
    with (tmp_path / "a.png").open("w+b") as file:
        file.write(b.png_claiming(30_000, 30_000))
        file.seek(0)
        command = [sys.executable, "-I", image._WORKER, "PNG", str(10**12)]
        done = subprocess.run(command, stdin=file, capture_output=True, timeout=60)
    assert done.returncode in {2, 3}
    assert done.stdout == b""


def test_a_gigabyte_takes_no_memory(tmp_path: Path) -> None:
    """Streamed through the hardened application in a process of its own, whose peak is compared."""
    command = [sys.executable, "-m", "tests.inputs.uploads.gigabyte", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr[-2000:]
    kept, grown = map(float, done.stdout.split())
    for path in (tmp_path / "files").iterdir():
        path.unlink()
    assert kept == 1024**3
    assert grown < 50


async def answered(site: Site, receive: Any) -> int:
    """The status of the answer to an upload whose body is `receive`; 0 for none."""
    status = 0

    async def send(message: Any) -> None:
        nonlocal status
        status = message.get("status", status)

    app: Any = site.app
    await app(scope(), receive, send)
    return status


async def test_pieces_of_any_size_are_put_together(tmp_path: Path) -> None:
    site = Site(tmp_path)
    body = form(part("title", b"x"), part("file", b"line\r\n--X-bound\r\n" * 50, "a.txt"))

    async def pieces(size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    async with site.client() as client:
        for size in (1, 3, 17, 100):
            answer = await client.post("/files", content=pieces(size), headers=FORM)
            stored = tmp_path / "files" / answer.json()["key"]
            assert stored.read_bytes() == b"line\r\n--X-bound\r\n" * 50
