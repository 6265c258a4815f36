"""The corpus once more, on the whole way: a form over HTTP, the layers, the one reading, quarantine, judgement, store.

Pictures cost a process each and go by `test_corpus`; here is every other file, in one application.
"""

import hashlib
from pathlib import Path

import pytest

from garrison.inputs.uploads import UploadRule

from .corpus import PICTURES, Case, cases
from .site import FORM, Site, form, part

pytestmark = pytest.mark.anyio
RULE = UploadRule(allow=("images", "texts", "archives"), allow_unexamined=("pdf", "docx", "xlsx", "pptx"), most="64 MB")
ENDINGS = tuple(f".{ending}" for ending in (*PICTURES.values(), "jpeg", "jpe", "jfif"))


def is_sendable(case: Case) -> bool:
    """Whether a browser could write the name into a header; the size is for the layer `size` here."""
    return not case.name.lower().endswith(ENDINGS) and not set(case.name) & set('\r\n"\\')


async def test_nothing_bad_comes_in_and_nothing_good_is_refused(tmp_path: Path) -> None:
    site = Site(tmp_path, RULE, size={"body": "70 MB"})
    sent = [case for case in cases() if is_sendable(case)]
    assert sum(case.label == "good" for case in sent) >= 40
    assert sum(case.label == "bad" for case in sent) >= 140
    async with site.client() as client:
        for case in sent:
            head = (f"Content-Type: {case.declared}",) if case.declared else ()
            answer = await client.post("/files", content=form(part("file", case.data, case.name, *head)), headers=FORM)
            assert answer.status_code == 200 if case.label == "good" else 400 <= answer.status_code < 500, case.id
            if case.label == "good":
                stored = tmp_path / "files" / answer.json()["key"]
                assert hashlib.sha256(stored.read_bytes()).digest() == hashlib.sha256(case.data).digest(), case.id
    assert site.lying() == (0, sum(case.label == "good" for case in sent))
