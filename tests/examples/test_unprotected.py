"""The control: the same application without Garrison, where the planted and the forged work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from examples.notes import Settings, hardened
from examples.notes.unprotected import Unprotected

from .site import Person, Site, running

pytestmark = pytest.mark.anyio

SCRIPT = "<script>document.title = 'planted'</script>"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        environment="development",
        data=tmp_path / "data",
        seed=True,
        allow_insecure_planted_xss=True,
        allow_insecure_fast_hash=True,
    )


@pytest.fixture
async def bare(settings: Settings, environ: None) -> AsyncIterator[Site]:
    app = Unprotected(settings)
    async with running(app):
        yield Site(app, settings)


async def _plant(person: Person) -> tuple[str, str]:
    """A page with the stored and one with the reflected script."""
    note = await person.write("Planted", SCRIPT)
    return (await person.get(f"/notes/{note}")).text, (await person.get("/", params={"q": SCRIPT})).text


async def test_without_garrison_a_planted_script_is_in_the_page_and_no_policy_stops_it(bare: Site) -> None:
    async with bare.member() as ann:
        stored, reflected = await _plant(ann)
        assert SCRIPT in stored
        assert SCRIPT in reflected
        assert "content-security-policy" not in (await ann.get("/")).headers


async def test_with_garrison_the_planted_script_lacks_the_nonce_that_the_policy_wants(
    settings: Settings, environ: None
) -> None:
    app = hardened(settings)
    async with running(app), Site(app, settings).member() as ann:
        stored, reflected = await _plant(ann)
        assert SCRIPT in stored
        assert SCRIPT in reflected
        policy = (await ann.get("/")).headers["content-security-policy"]
        assert "script-src 'nonce-" in policy
        assert "'unsafe-inline'" not in policy


async def test_without_garrison_another_site_posts_in_a_members_name(bare: Site) -> None:
    async with bare.member() as ann:
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        answer = await ann.client.post("/notes", data={"title": "Forged"}, headers=headers)
        assert answer.status_code == 303
        assert (await ann.get("/api/notes")).json()["notes"][0]["title"] == "Forged"


async def test_without_garrison_passwords_are_guessed_without_end(bare: Site) -> None:
    async with bare.visitor() as person:
        statuses = {(await person.log_in("demo@example.com", f"guess {n}")).status_code for n in range(30)}
        assert statuses == {401}
