"""The administrators' page, and what follows from disabling an account."""

from __future__ import annotations

import pytest

from .site import Site

pytestmark = pytest.mark.anyio


async def test_an_administrator_sees_the_accounts(site: Site) -> None:
    async with site.admin() as admin:
        page = await admin.get("/admin")
        assert page.status_code == 200
        assert "Seán O&#39;Brien" in page.text


async def test_a_member_and_a_visitor_do_not(site: Site) -> None:
    async with site.member() as ann, site.visitor() as nobody:
        own = (await ann.get("/api/me")).json()["id"]
        assert (await ann.get("/admin")).status_code == 403
        assert "demo@example.com" not in (await ann.get("/admin")).text
        assert (await ann.post(f"/admin/users/{own}", {"disabled": "true"})).status_code == 403
        assert (await nobody.get("/admin")).headers["location"] == "/log-in"


async def test_a_disabled_account_is_out_at_once_and_can_not_log_in(site: Site) -> None:
    async with site.admin() as admin, site.member() as ann:
        own = (await ann.get("/api/me")).json()["id"]
        assert (await admin.post(f"/admin/users/{own}", {"disabled": "true"})).status_code == 303
        assert (await ann.get("/api/me")).status_code == 401
        async with site.visitor() as again:
            assert (await again.log_in("ann@example.com")).status_code == 401
            await admin.post(f"/admin/users/{own}", {"disabled": "false"})
            assert (await again.log_in("ann@example.com")).status_code == 303  # the control


async def test_a_sign_up_can_not_choose_a_role(site: Site) -> None:
    async with site.visitor() as person:
        token = await person.open_form("/sign-up")
        form = {"email": "eve@example.com", "name": "Eve", "password": "a long passphrase", "role": "admin"}
        refused = await person.post("/sign-up", {"csrf_token": token, **form})
        assert refused.status_code in (400, 422)
        del form["role"]
        await person.post("/sign-up", {"csrf_token": await person.open_form("/sign-up"), **form})  # the control
        await person.log_in("eve@example.com", form["password"])
        assert (await person.get("/api/me")).json()["role"] == "member"


async def test_an_administrator_can_not_lock_themselves_out(site: Site) -> None:
    async with site.admin() as admin:
        own = (await admin.get("/api/me")).json()["id"]
        assert (await admin.post(f"/admin/users/{own}", {"disabled": "true"})).status_code == 409
        assert (await admin.get("/admin")).status_code == 200
