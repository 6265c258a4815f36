"""One reading of a form: what the layer `body` judged is what an upload takes, byte for byte, however it is cut."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Request
from hypothesis import given, settings
from hypothesis import strategies as st
from python_multipart.multipart import MultipartParser

from garrison import harden
from garrison.core.multipart import Multipart
from garrison.core.verdict import Reason
from garrison.inputs.uploads import UploadRefused
from garrison.inputs.uploads.form import FileBegins, FormReader
from garrison.policy.section_body import BodySection
from garrison.testing import assert_refused, testing_policy

from .site import BOUNDARY, FORM, Site, form, part

MARK = BOUNDARY.encode()
SECTION = BodySection()
OFF = {"mode": "off", "allow_insecure_off": "the control of a test"}
NEAR = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b"-", b"--", b"--" + MARK[:-1], b" --" + MARK, b"x", b"\0", b"a" * 99])
).map(b"".join)
"""Content that is nearly a boundary."""


def read(body: bytes, size: int, *, ahead: int | None) -> tuple[bytes, dict[str, str]]:
    """The file and the fields, from pieces of `size`; with `ahead`, of a layer that is so many bytes in front."""
    judged = Multipart(MARK, SECTION, len(body))
    reader = FormReader(judged, "file", judged=ahead is not None)
    taken, fed = b"", 0
    for at in range(0, len(body), size):
        while ahead is not None and fed < min(len(body), at + size + ahead):
            judged.feed(body[fed : fed + size])
            fed += size
        for piece in reader.read(body[at : at + size]):
            taken += b"" if isinstance(piece, FileBegins) else piece
    reader.finish()
    return taken, reader.fields


def as_another_parser_reads_it(body: bytes) -> list[bytes]:
    found: list[bytes] = []

    def add(data: bytes, start: int, end: int) -> None:
        found[-1] += data[start:end]

    MultipartParser(MARK, {"on_part_begin": lambda: found.append(b""), "on_part_data": add}).write(body)
    return found


@given(NEAR, NEAR, st.integers(1, 150), st.none() | st.integers(0, 300))
@settings(max_examples=400)
def test_what_is_taken_is_what_was_sent_and_what_another_parser_reads(
    content: bytes, text: bytes, size: int, ahead: int | None
) -> None:
    body = form(part("before", text), part("file", content, "a.txt"), part("after", b"x"))
    try:
        taken, fields = read(body, size, ahead=ahead)
    except UploadRefused:
        assert b"\r--" + MARK in body or b"\n--" + MARK in content + text  # near enough to be refused
        return
    assert taken == content
    assert fields == {"before": text.decode(), "after": "x"}
    assert as_another_parser_reads_it(body) == [text, content, b"x"]


def test_names_are_read_as_they_were_sent() -> None:
    head = b'Content-Disposition: form-data; name="file"; filename="\xd0\xb8 \\"O\'Brien\\" %22 \\\\ b.txt"'
    body = form(b"--" + MARK + b"\r\n" + head + b"\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nx\r\n")
    begins = next(iter(FormReader(Multipart(MARK, SECTION), "file", judged=False).read(body)))
    assert begins == FileBegins('и "O\'Brien" %22 \\ b.txt', "text/plain; charset=utf-8")


def test_no_more_of_a_body_is_kept_than_a_boundary_has() -> None:
    judged = Multipart(MARK, SECTION)
    judged.feed(part("file", b"", "a.txt")[:-2])
    reader = FormReader(judged, "file", judged=True)
    reader.read(part("file", b"", "a.txt")[:-2])
    for end in (b"x", b"\r\n--" + MARK[:-1], b"\n", b"\r"):
        chunk = b"x" * 100_000 + end
        judged.feed(chunk)
        reader.read(chunk)
        assert len(judged._data) < len(MARK) + 4
        assert len(reader._rest) < len(MARK) + 4


FILE = part("file", b"hello", "a.txt", "Content-Type: text/plain")


class _Changed:
    """A middleware between the layer and the endpoint that puts another body in the place of what was judged."""

    def __init__(self, app: Any, body: bytes) -> None:
        self.app, self.body = app, body

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def other() -> Any:
            message = await receive()
            return {**message, "body": self.body} if message.get("body") else message

        await self.app(scope, other, send)


@pytest.mark.anyio
async def test_a_body_that_was_changed_behind_the_layer_is_refused(tmp_path: Path) -> None:
    site = Site(tmp_path)
    await site.uploads.prepare()
    for body, status in ((form(FILE), 200), (form(FILE, part("b", b"x")), 400), (FILE, 400)):
        app = harden(_Changed(site.inner, body), testing_policy())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://testserver") as client:
            answer = await client.post("/files", content=form(FILE), headers=FORM)
        assert answer.status_code == status


@pytest.mark.anyio
@pytest.mark.parametrize("section", [OFF, {"mode": "monitor"}], ids=["off", "monitor"])
async def test_a_malformed_form_is_no_upload_where_the_layer_does_not_enforce(tmp_path: Path, section: Any) -> None:
    site = Site(tmp_path, body=section)
    async with site.client() as client:
        for body in (FILE, b"x" + form(FILE), form(FILE) + form(FILE)):
            answer = await client.post("/files", content=body, headers=FORM)
            assert_refused(answer, Reason.BODY_MALFORMED, 400)
        assert (await client.post("/files", content=form(FILE), headers=FORM)).status_code == 200
    assert site.lying() == (0, 1)


@pytest.mark.anyio
async def test_a_form_whose_beginning_a_layer_looked_into_is_read_whole(tmp_path: Path) -> None:
    """The CSRF layer reads ahead for the token of a form; the upload still gets every byte."""
    site, content = Site(tmp_path, csrf={"require": "always"}), b"line\n" * 50_000

    @site.inner.get("/token")
    async def token(request: Request) -> str:
        return str(request.state.garrison.csrf_token)

    async with site.client() as client:
        good = (await client.get("/token")).json()
        for sent, status in ((good, 200), ("wrong", 403)):
            body = form(part("csrf_token", sent.encode()), part("file", content, "a.txt"))
            answer = await client.post("/files", content=body, headers=FORM)
            assert answer.status_code == status
    (stored,) = (tmp_path / "files").iterdir()
    assert stored.read_bytes() == content
