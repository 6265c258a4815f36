"""`[uploads]`: what the policy says holds, and what it asks for works or the start is refused."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from garrison import Policy, harden
from garrison.core.errors import OperatorError
from garrison.core.verdict import Reason
from garrison.fastapi import Upload, UploadPolicy
from garrison.fastapi.uploads import FolderMissing
from garrison.inputs.uploads import UploadRule, image
from garrison.inputs.uploads.kinds import UnknownKind
from garrison.inputs.uploads.rule import UnknownUpload
from garrison.policy.checks import Subject, run_checks
from garrison.policy.section_uploads import UploadsSection
from garrison.rehearsal import rehearse
from garrison.testing import assert_refused, testing_policy
from tests.support.clamd import running
from tests.support.components import need

from . import builders as b

pytestmark = pytest.mark.anyio
AVATARS = {"allow": ["images"], "most": "100 KB", "rate": ["2/minute"]}


def policy(folder: Path, **uploads: Any) -> Policy:
    own = {"folder": str(folder), **uploads}
    return testing_policy(uploads=own, size={"body": "8 MB"}, rate={"mode": "enforce"})


@asynccontextmanager
async def serving(policy: Policy, hardened: Policy | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """An application with two uploads of the policy: `/files`, and `/avatars` by its name."""
    app = FastAPI()
    own = {"/files": UploadPolicy(policy=policy), "/avatars": UploadPolicy(name="avatars", policy=policy)}
    for path, uploads in own.items():

        @app.post(path)
        async def add(file: Upload = Depends(uploads)) -> str:  # noqa: B008  # FastAPI's way
            return await file.keep()

        await uploads.prepare()
    transport = httpx.ASGITransport(harden(app, hardened or policy), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://testserver") as client:
        yield client


async def test_what_the_policy_says_holds_and_what_it_says_by_name_goes_before(tmp_path: Path) -> None:
    async with serving(policy(tmp_path, allow=["texts"], most="1 KB", named={"avatars": AVATARS})) as client:

        async def send(path: str, name: str, data: bytes) -> httpx.Response:
            return await client.post(path, files={"file": (name, data)})

        assert (await send("/files", "O'Brien.txt", b"hello")).status_code == 200
        assert_refused(await send("/files", "a.txt", b"x" * 1025), Reason.BODY_TOO_LARGE, 413)
        assert_refused(await send("/files", "a.png", b.picture("PNG")), Reason.UPLOAD_REFUSED)
        assert (await send("/avatars", "a.png", b.picture("PNG"))).status_code == 200
        assert_refused(await send("/avatars", "a.txt", b"hello"), Reason.UPLOAD_REFUSED)
        assert_refused(await send("/avatars", "a.png", b.picture("PNG")), Reason.RATE_LIMITED, 429)
        assert (await send("/files", "b.txt", b"hello")).status_code == 200  # counts of its own
    assert len(list((tmp_path / "files").iterdir())) == 3


def test_a_name_takes_from_the_policy_all_that_it_does_not_say() -> None:
    section = UploadsSection.model_validate({
        "allow": ["texts"], "unpacked_ratio": 7, "scanner": "unix:/s", "scanner_timeout": "3 s",
        "named": {"avatars": {"most": "9 B", "allow_unexamined": ["pdf"]}},
    })  # fmt: skip
    rule, plain = UploadRule.of(section, "avatars"), UploadRule.of(section)
    assert (rule.allow, rule.largest, rule.unpacked_ratio, rule.allow_unexamined) == (("texts",), 9, 7, ("pdf",))
    assert (plain.largest, plain.allow_unexamined) == (5 * 1024**2, ())
    assert rule.scanner is not None
    assert (rule.scanner.address, rule.scanner.seconds) == ("unix:/s", 3)
    with pytest.raises(UnknownUpload, match=r"\[uploads.named.avatar\]"):
        UploadRule.of(section, "avatar")


async def test_without_a_folder_or_with_another_policy_than_the_stacks_nothing_is_taken(tmp_path: Path) -> None:
    with pytest.raises(FolderMissing):
        await UploadPolicy(policy=testing_policy()).prepare()
    with pytest.raises(RuntimeError, match="prepare"):
        _ = UploadPolicy(policy=testing_policy()).rule
    ours, other = policy(tmp_path, named={"avatars": {}}), policy(tmp_path, allow=["archives"])
    for hardened, status in ((ours, 200), (other, 500)):
        async with serving(ours, hardened) as client:
            assert (await client.post("/files", files={"file": ("a.txt", b"x")})).status_code == status


BROKEN = {
    "a kind that is none": ({"allow": ["exe"]}, UnknownKind, "exe"),
    "a kind of a name that is none": ({"named": {"a": {"allow_unexamined": ["png"]}}}, UnknownKind, "png"),
    "a scanner elsewhere": ({"scanner": "tcp:192.0.2.1:3310"}, OperatorError, "address"),
    "a scanner that is away": ({"scanner": "unix:/nobody/here"}, OperatorError, "does not answer"),
}


@pytest.mark.parametrize(("uploads", "kind", "said"), BROKEN.values(), ids=BROKEN)
def test_a_policy_that_can_not_be_kept_refuses_the_start_and_check_says_so(
    tmp_path: Path, uploads: dict[str, Any], kind: type[Exception], said: str
) -> None:
    harden(FastAPI(), policy(tmp_path))  # the control
    assert rehearse(policy(tmp_path), {}) == []
    with pytest.raises(kind, match=said):
        harden(FastAPI(), policy(tmp_path, **uploads))
    assert any(said in str(error) for error in rehearse(policy(tmp_path, **uploads), {}))
    assert list(tmp_path.iterdir()) == []


def test_a_decoder_that_does_not_work_refuses_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "_WORKER", str(tmp_path / "missing.py"))
    with pytest.raises(OperatorError, match="decodes pictures"):
        harden(FastAPI(), policy(tmp_path))
    harden(FastAPI(), policy(tmp_path, allow=["texts"]))  # nothing is decoded there


@pytest.mark.server
def test_a_real_scanner_that_is_stopped_or_blind_refuses_the_start(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.mkdir()
    with running(need("clamd"), good) as (address, process):
        harden(FastAPI(), policy(tmp_path / "s", scanner=address))
        process.kill()
        process.wait()
        with pytest.raises(OperatorError, match="does not answer"):
            harden(FastAPI(), policy(tmp_path / "s", scanner=address))
    blind = tmp_path / "blind"
    blind.mkdir()
    with (
        running(need("clamd"), blind, signature=b"something else") as (address, _),
        pytest.raises(OperatorError, match="its own test file"),
    ):
        harden(FastAPI(), policy(tmp_path / "s", scanner=address))


def test_a_folder_that_the_application_serves_is_found_also_below_another_mount(tmp_path: Path) -> None:
    served = tmp_path / "www"
    served.mkdir()
    app = Starlette(routes=[Mount("/a", routes=[Mount("/b", StaticFiles(directory=served))])])
    for folder, found in ((served / "up", ["P110"]), (tmp_path / "www2", [])):
        subject = Subject(policy(folder), {}, app)
        assert [finding.id for finding in run_checks(subject) if finding.id == "P110"] == found


async def test_what_was_left_in_quarantine_stays_as_long_as_the_policy_says(tmp_path: Path) -> None:
    uploads = UploadPolicy(policy=policy(tmp_path, keep_quarantine="1 h"))
    await uploads.prepare()
    for name, age in (("old", 3700), ("new", 3500)):
        (tmp_path / "quarantine" / name).touch()
        os.utime(tmp_path / "quarantine" / name, (time.time() - age,) * 2)
    again = UploadPolicy(policy=policy(tmp_path, keep_quarantine="1 h"))
    await again.prepare()
    assert [path.name for path in (tmp_path / "quarantine").iterdir()] == ["new"]
