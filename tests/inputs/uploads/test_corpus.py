"""The labelled corpus: nothing bad in, nothing good refused.

Quoted rule: "Validate the file type, don't trust the Content-Type header as it can be spoofed … change the filename …
set a filename length limit … set a file size limit" (OWASP File Upload Cheat Sheet; CWE-434).
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from garrison.inputs.uploads import Store, UploadRefused, UploadRule
from garrison.inputs.uploads.quarantine import Draft
from garrison.inputs.uploads.rule import Accepted

from . import builders as b
from .corpus import PICTURES, Case, cases

CASES = list(cases())
PAYLOADS = (b.PAYLOAD, b"<?php", b"PK\3\4", b"%PDF", b.EXE[:12], b"JavaScript")
RULE = UploadRule(allow=("images", "texts", "archives"), allow_unexamined=("pdf", "docx", "xlsx", "pptx"), most="64 MB")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    made = Store(tmp_path_factory.mktemp("uploads"))
    made.prepare()
    return made


def judged(store: Store, case: Case, rule: UploadRule = RULE) -> tuple[bytes, Accepted]:
    """What would be stored. Raises `UploadRefused`; leaves nothing in quarantine."""
    kind = rule.kind(case.name, case.declared)
    draft = Draft(store)
    kept = draft
    try:
        draft.write(case.data)
        kept, info = rule.judge(draft, case.name, kind, store)
        return kept.path.read_bytes(), info
    finally:
        kept.discard()
        draft.discard()


def naive(case: Case) -> bool:
    """What many an application asks: the extension stands in a list, the declared type is of the right family."""
    endings = (*PICTURES.values(), "txt", "csv", "md", "json", "zip", "tar", "tgz", "gz", "pdf", "docx", "xlsx", "pptx")
    return case.name.lower().endswith(tuple(f".{ending}" for ending in endings)) and "html" not in case.declared


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    assert sum(case.label == "good" for case in CASES) >= 75
    assert sum(case.label == "bad" for case in CASES) >= 150
    assert sum(case.label == "clean" for case in CASES) >= 20


@pytest.mark.parametrize("case", [case for case in CASES if case.label == "good"], ids=lambda case: case.id)
def test_a_good_file_is_taken_as_what_it_is(store: Store, case: Case) -> None:
    stored, info = judged(store, case)
    assert info.size == len(stored)
    if not info.rewritten:
        assert stored == case.data
        return
    with Image.open(io.BytesIO(stored)) as ours, Image.open(io.BytesIO(case.data)) as theirs:
        assert ours.format == theirs.format
        assert sorted(ours.size) == sorted(theirs.size)
        assert getattr(ours, "n_frames", 1) == getattr(theirs, "n_frames", 1)
    assert b"secret place" not in stored


@pytest.mark.parametrize("case", [case for case in CASES if case.label == "bad"], ids=lambda case: case.id)
def test_a_bad_file_is_refused(store: Store, case: Case) -> None:
    with pytest.raises(UploadRefused):
        judged(store, case)


@pytest.mark.parametrize("case", [case for case in CASES if case.label == "clean"], ids=lambda case: case.id)
def test_of_a_picture_that_is_something_else_too_nothing_else_is_stored(store: Store, case: Case) -> None:
    assert any(payload in case.data for payload in PAYLOADS)  # the control: it was there
    try:
        stored, _ = judged(store, case)
    except UploadRefused:
        return
    assert not any(payload in stored for payload in PAYLOADS)


def test_the_naive_check_lets_most_of_the_bad_ones_in() -> None:
    bad = [case for case in CASES if case.label == "bad"]
    assert sum(map(naive, bad)) > 0.7 * len(bad)


def test_nothing_stays_in_quarantine(store: Store, tmp_path: Path) -> None:
    for case in CASES[::9]:
        try:
            judged(store, case)
        except UploadRefused:
            continue
    assert list(store._quarantine.iterdir()) == []


@pytest.mark.parametrize("extension", ["pdf", "docx", "xlsx", "pptx", "html", "svg", "doc", "zip"])
def test_documents_pages_and_archives_are_refused_unless_asked_for(extension: str) -> None:
    with pytest.raises(UploadRefused):
        UploadRule().kind(f"a.{extension}", "")


def test_html_that_is_asked_for_is_stored_sanitised(store: Store) -> None:
    page = b"<!doctype html><html><body><h1>Hi</h1>" + b.PAYLOAD + b'<a href="javascript:x">l</a></body></html>'
    stored, info = judged(store, Case("", "", "a.html", "text/html", page), UploadRule(allow=("html",)))
    assert (info.kind, info.rewritten) == ("html", True)
    assert stored.startswith(b"<h1>Hi</h1>")
    assert b"script" not in stored
