"""The attacks of a barrage: for each rule, what a client does that it is there for, and whom the alert is about.

A function gets the site and nothing else, and uses addresses of its own. Those that want a reaction come by way of a
trusted proxy (203.0.113.x), because loopback is never banned; the others come from 127.x.y.z themselves. "" means that
the alert is about everybody, or about an account that events call by a short name of their own.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from uuid import UUID

import pyotp

from tests.attacks.barrage.site import PLANTED_KEY, PLANTED_RECORD, TRAP, TRAP_ACCOUNT, Site, soon
from tests.attacks.barrage.visitor import Visitor

Attack = Callable[[Site], str]
_SECRET = re.compile(r'class="secret">([^<]+)<')
_FORM = "application/x-www-form-urlencoded"


def errors_rise(site: Site) -> str:
    for number in range(2):
        client = site.visitor(f"127.10.0.{number + 1}")
        for _ in range(110):
            client.get("/planted/crash")
    return ""


def crashes(site: Site) -> str:
    client = site.visitor("127.10.1.1")
    for _ in range(30):
        client.get("/planted/crash")
    return client.address


def probing_known(site: Site) -> str:
    client = site.visitor("203.0.113.1")
    for path in ("/.env", "/.git/config", "/phpinfo.php"):
        client.get(path)
    return client.address


def probing_404(site: Site) -> str:
    client = site.visitor("127.10.2.1")
    for number in range(60):
        client.get(f"/nothing/{number}")
    return client.address


def scanner(site: Site) -> str:
    client = site.visitor("203.0.113.2", "sqlmap/1.8.2#stable (https://sqlmap.org)")
    for number in range(3):
        client.get(f"/list/{number}")
    return client.address


def attack_in_path(site: Site) -> str:
    client = site.visitor("203.0.113.3")
    for path in ("/q/<script>alert(1)</script>", "/q/x'%20or%201=1--", "/q/1%20union%20select%20name%20from%20users"):
        client.get(path)
    return client.address


def honey_path(site: Site) -> str:
    client = site.visitor("203.0.113.4")
    client.get(TRAP)
    return client.address


def honey_account(site: Site) -> str:
    client = site.visitor("203.0.113.5")
    client.try_password(TRAP_ACCOUNT)
    return client.address


def honey_token(site: Site) -> str:
    client = site.visitor("203.0.113.10")
    client.get("/api/me", Authorization=f"Bearer {PLANTED_KEY}")
    return client.address


def honey_token_carried(site: Site) -> str:
    client = site.visitor("203.0.113.11", "Mozilla/5.0 (X11; rv:143.0) Gecko/20100101 Firefox/143.0")
    client.get(f"/?invoice={PLANTED_RECORD}", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")
    return client.address


def bad_input(site: Site) -> str:
    client = site.visitor("127.10.3.1")
    for _ in range(50):
        client.send("/log-in", b"{}", "application/json")
    return client.address


def too_large(site: Site) -> str:
    client = site.visitor("127.10.4.1")
    for _ in range(20):
        client.ask("POST", "/log-in", {"Content-Type": _FORM, "Content-Length": "99000000"}, read=False)
    return client.address


def malformed(site: Site) -> str:
    client = site.visitor("203.0.113.6")
    for _ in range(20):
        client.get("/notes/%00")
    return client.address


def wrong_methods(site: Site) -> str:
    client = site.visitor("127.10.5.1")
    for _ in range(20):
        client.ask("PROPFIND", "/")
    return client.address


def wrong_hosts(site: Site) -> str:
    client = site.visitor("127.10.6.1")
    for number in range(10):
        client.get("/", Host=f"host{number}.example")
    return client.address


def not_logged_in(site: Site) -> str:
    client = site.visitor("127.10.7.1")
    for number in range(40):
        client.get(f"/api/notes/{UUID(int=number)}")
    return client.address


def guessing_keys(site: Site) -> str:
    client = site.visitor("127.10.8.1")
    for number in range(200):
        client.get("/api/me", Authorization=f"Bearer notes_{number:032x}")
    return client.address


def csrf_client(site: Site) -> str:
    client = site.visitor("127.10.9.1")
    client.get("/log-in")
    for _ in range(30):
        client.send("/log-out", b"", _FORM, **{"X-CSRF-Token": "forged"})
    return client.address


def csrf_burst(site: Site) -> str:
    for number in range(31):
        client = site.visitor(f"127.11.0.{number + 1}")
        client.post("/log-in", email="ann@example.com", password="x" * 12)
    return ""


def cross_site_burst(site: Site) -> str:
    for number in range(31):
        client = site.visitor(f"127.11.1.{number + 1}")
        client.ask("POST", "/log-in", {"Content-Type": _FORM, "Sec-Fetch-Site": "cross-site"}, b"email=a")
    return ""


def cors_burst(site: Site) -> str:
    asking = {"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    for number in range(4):
        client = site.visitor(f"127.11.2.{number + 1}")
        for _ in range(130):
            client.ask("OPTIONS", "/api/me", asking)
    return ""


def reports_burst(site: Site) -> str:
    report = b'{"csp-report":{"document-uri":"https://localhost/","violated-directive":"script-src","blocked-uri":"x"}}'
    for number in range(41):
        client = site.visitor(f"127.11.3.{number + 1}", "Mozilla/5.0 (X11; rv:143.0) Gecko/20100101 Firefox/143.0")
        client.send("/.garrison/reports", report, "application/csp-report")
    return ""


def limits_everywhere(site: Site) -> str:
    for number in range(51):
        client = site.visitor(f"127.11.4.{number + 1}")
        for _ in range(11):
            client.post("/log-in", email="ann@example.com", password="x" * 12)
    return ""


def ignores_limits(site: Site) -> str:
    client = site.visitor("203.0.113.7")
    for _ in range(512):
        client.post("/log-in", email="ann@example.com", password="x" * 12)
    return client.address


def _guess(site: Site, addresses: list[str], accounts: list[str], each: int) -> None:
    """`each` wrong passwords from every address, going round the accounts."""
    number = 0
    for address in addresses:
        client = site.visitor(address)
        for _ in range(each):
            client.try_password(accounts[number % len(accounts)])
            number += 1


def _slowly(client: Visitor, accounts: list[str], times: int) -> None:
    """Guess as fast as one address may: ten at once, then one in six seconds."""
    for number in range(times):
        while client.try_password(accounts[number % len(accounts)]).status in (429, 503):
            time.sleep(1)


def stuffing(site: Site) -> str:
    client = site.visitor("203.0.113.8")
    _slowly(client, [f"stuffed{number}@example.com" for number in range(12)], 12)
    return client.address


def guessing_client(site: Site) -> str:
    client = site.visitor("203.0.113.9")
    _slowly(client, [f"guessed{number}@example.com" for number in range(4)], 12)
    return client.address


def stuffing_network(site: Site) -> str:
    accounts = [f"network{number}@example.com" for number in range(30)]
    _guess(site, [f"127.12.0.{number}" for number in (1, 2, 3)], accounts, 9)
    return "127.12.0.0/24"


def guessing_account(site: Site) -> str:
    _guess(site, [f"127.12.{number}.1" for number in range(1, 5)], ["ben@example.com"], 4)
    return ""


def entered_after_guessing(site: Site) -> str:
    owner = site.visitor("127.12.9.1")
    owner.sign_up("cat@example.com")
    _guess(site, [f"127.12.{number}.1" for number in range(10, 13)], ["cat@example.com"], 4)
    time.sleep(1)  # two workers: what happens within half a second comes to detection in either order
    owner.log_in("cat@example.com")
    return ""


def locking_accounts(site: Site) -> str:
    for account in range(5):
        addresses = [f"127.13.{account}.{number + 1}" for number in range(6)]
        _guess(site, addresses, [f"locked{account}@example.com"], 4)
    return ""


def spraying(site: Site) -> str:
    accounts = [f"sprayed{number}@example.com" for number in range(140)]
    _guess(site, [f"127.14.{number}.1" for number in range(14)], accounts, 10)
    return ""


def stuffing_provider(site: Site) -> str:
    """Seen by the proxy to come from one autonomous system."""
    for network in range(7):
        client = site.visitor(f"203.0.{network}.9")
        client.more = {"X-Client-ASN": "64500"}
        for number in range(10):
            client.try_password(f"provider{network}x{number}@example.com")
    return "64500"


def member(site: Site, address: str, email: str) -> Visitor:
    """Somebody with an account, logged in."""
    client = site.visitor(address)
    client.sign_up(email)
    client.log_in(email)
    return client


def probing_rights(site: Site) -> str:
    client = member(site, "127.15.0.1", "dan@example.com")
    for number in range(8):
        client.post(f"/admin/users/{UUID(int=number)}", disabled="true")
    return ""


def second_factor_guessing(site: Site) -> str:
    client = member(site, "127.15.1.1", "eve@example.com")
    secret = _secret(client.post("/account/second-factor/set-up").text)
    assert client.post("/account/second-factor/confirm", code=pyotp.TOTP(secret).now()).status == 200
    thief = site.visitor("127.15.1.2")
    thief.try_password("eve@example.com", "correct horse battery")
    thief.get("/log-in/code")
    for number in range(7):
        assert thief.post("/log-in/code", code=f"{number:06d}").status == 401
    return ""


def _secret(text: str) -> str:
    found = _SECRET.search(text)
    assert found, text
    return found[1].strip()


def session_moves(site: Site) -> str:
    client = member(site, "127.15.2.1", "fay@example.com")
    for number in range(6):
        thief = site.visitor(f"127.15.{20 + number}.1", "Mozilla/5.0 (X11; rv:143.0) Gecko/20100101 Firefox/143.0")
        thief.cookies = client.cookies
        thief.get("/")
    return ""


def dead_sessions(site: Site) -> str:
    site.visitor("127.15.3.1").sign_up("gil@example.com")
    ended = []
    for number in range(8):
        client = site.visitor(f"127.15.3.{number + 1}")
        client.log_in("gil@example.com")
        kept = dict(client.cookies)
        assert client.post("/log-out").status == 303
        ended.append(kept)
    thief = site.visitor("127.15.4.1")
    for cookies in ended:
        thief.cookies = cookies
        thief.get("/")
    return thief.address


def revoked_token_used(site: Site) -> str:
    client = member(site, "127.15.5.1", "hal@example.com")
    key = _secret(client.post("/account/keys", name="backup", days="30").text)
    (handle,) = re.findall(r"/account/keys/([^/]+)/revoke", client.get("/account/keys").text)
    assert client.post(f"/account/keys/{handle}/revoke").status == 303
    for _ in range(3):
        site.visitor("127.15.5.2").get("/api/me", Authorization=f"Bearer {key}")
    return ""


def uploads(site: Site) -> str:
    client = member(site, "127.15.6.1", "ivy@example.com")
    stored = 0
    while stored < 250:
        answer = client.send("/api/notes", b'{"title":"n","body":"","shared":false}', "application/json")
        note = re.findall(r'"id":"([^"]+)"', answer.text)[0]
        for number in range(20):
            status = client.upload(note, number)
            assert status == 303, (status, stored)
            stored += 1
    return ""


def much_data(site: Site) -> str:
    client = member(site, "127.15.7.1", "jim@example.com")
    for _ in range(2):
        client.ask("GET", "/planted/large", read=False)
    return ""


def much_data_client(site: Site) -> str:
    client = site.visitor("127.15.8.1")
    for _ in range(10):
        client.ask("GET", "/planted/large", read=False)
    return client.address


def guard_raised(site: Site) -> str:
    site.visitor("127.15.9.1").get("/", X_Planted="1")
    return ""


def far_places(site: Site) -> str:
    client = member(site, "127.15.10.1", "kim@example.com")
    client.post("/planted/tell/authn_impossible_travel")
    return ""


def field_nobody_asked_for(site: Site) -> str:
    return _told(site, "127.15.11.1", "malicious_extraneous", 5)


def told_by_application(site: Site) -> str:
    return _told(site, "127.15.12.1", "malicious_direct_reference", 3)


def rights_changed(site: Site) -> str:
    _told(site, "127.15.13.1", "authz_change", 10)
    return ""


def _told(site: Site, address: str, name: str, times: int) -> str:
    client = site.visitor(address)
    client.get("/log-in")
    for _ in range(times):
        assert client.post(f"/planted/tell/{name}").status == 200
    return client.address


def reactions_spent(site: Site) -> str:
    """More scanners than may be met within an hour."""
    for number in range(16):
        client = site.visitor(f"198.51.100.{number + 1}")
        for path in ("/.env", "/.git/config", "/phpinfo.php"):
            client.get(path)
    return ""


def overload(site: Site) -> str:
    """Requests that hold the processes up, many at once, in waves, until somebody notices."""

    def ask(number: int) -> None:
        client = site.visitor(f"127.16.0.{number + 1}")
        client.get("/planted/block")
        client.get("/planted/block")

    for _ in range(5):
        threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        if soon(lambda: site.told.first("overload"), 5):
            break
    return ""


SLOW: dict[str, Attack] = {"stuffing": stuffing, "guessing-client": guessing_client, "uploads": uploads}
"""Those that take a while: they run beside the others."""

ATTACKS: dict[str, Attack] = {
    "errors-rise": errors_rise, "crashes": crashes, "probing-known": probing_known, "probing-404": probing_404,
    "scanner": scanner, "attack-in-path": attack_in_path, "honey-path": honey_path, "honey-account": honey_account,
    "honey-token": honey_token, "honey-token-carried": honey_token_carried,
    "bad-input": bad_input, "too-large": too_large, "malformed": malformed, "wrong-methods": wrong_methods,
    "wrong-hosts": wrong_hosts, "not-logged-in": not_logged_in, "guessing-keys": guessing_keys,
    "csrf-client": csrf_client, "csrf-burst": csrf_burst, "cross-site-burst": cross_site_burst,
    "cors-burst": cors_burst, "reports-burst": reports_burst, "limits-everywhere": limits_everywhere,
    "ignores-limits": ignores_limits, "probing-rights": probing_rights,
    "second-factor-guessing": second_factor_guessing, "session-moves": session_moves, "dead-sessions": dead_sessions,
    "revoked-token-used": revoked_token_used, "much-data": much_data,
    "much-data-client": much_data_client, "guard-raised": guard_raised, "far-places": far_places,
    "field-nobody-asked-for": field_nobody_asked_for, "told-by-application": told_by_application,
    "rights-changed": rights_changed, "guessing-account": guessing_account,
    "entered-after-guessing": entered_after_guessing, "stuffing-network": stuffing_network,
    "locking-accounts": locking_accounts, "spraying": spraying, "stuffing-provider": stuffing_provider,
    "reactions-spent": reactions_spent, "overload": overload,
}  # fmt: skip
"""By rule, in the order they are made: an alert about everybody must not be raised by an attack before its own."""

TOGETHER: dict[str, str] = {"spraying-alarm": "spraying"}
"""Rules that the attack of another one fires as well."""

UNQUICK: dict[str, str] = {
    "stays-degraded": "it speaks of an outage of ten minutes",
    "node-silent": "it speaks of five minutes of silence",
    "not-renewed": "it speaks of a day without a renewal",
    "latency-rises": "it compares with the quarter of an hour before",
}
"""Rules that can't be shown in a minute, and why: their own cases show them, with a clock."""
