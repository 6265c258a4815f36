"""Checks on accounts: limits that are none, settings that contradict, and settings that nothing reads."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from ..core.verdict import Mode
from ..findings.severity import Severity
from .checks import Objection, Subject, check
from .model import Policy


@check(
    "P131", "Limit of log-ins left empty", Severity.HIGH,
    consequence="Guesses, sign-ups or recovery mails go on without that limit, while the section looks as if it held.",
    remedy="Write a rate, or leave the key out: then the default holds.",
    reference="docs/accounts/log-in.md", cwe=(307, 770),
)  # fmt: skip
def no_login_limit(subject: Subject) -> Iterator[Objection]:
    login, codes = subject.policy.login, subject.policy.second_factor
    limits = {
        "login.address": login.address, "login.recovery": login.recovery, "login.requests": login.requests,
        "second_factor.attempts": codes.attempts,
    }  # fmt: skip
    for key, rates in limits.items():
        if not rates:
            yield Objection(key, "the list is empty.")


@check(
    "P132", "Account settings contradict", Severity.HIGH,
    consequence="Something would never work: no password is taken, no key or token is ever good, no wait grows.",
    remedy="Keep the shorter below the longer, and every lifetime above 0.",
    reference="docs/policy.md#passwords",
)  # fmt: skip
def contradicting_accounts(subject: Subject) -> Iterator[Objection]:
    policy = subject.policy
    passwords, login = policy.passwords, policy.login
    for key in ("min_length", "min_length_second_factor"):
        if getattr(passwords, key) > passwords.max_length:
            yield Objection(f"passwords.{key}", f"more than passwords.max_length ({passwords.max_length}).")
    if login.wait > login.longest_wait:
        yield Objection("login.wait", f"longer than login.longest_wait ({login.longest_wait:g} seconds).")
    for key, seconds in (
        ("login.recovery_lifetime", login.recovery_lifetime), ("login.device_lifetime", login.device_lifetime),
        ("api_keys.lifetime", policy.api_keys.lifetime), ("bearer.longest", policy.bearer.longest),
    ):  # fmt: skip
        if not seconds:
            yield Objection(key, "0: over before it begins.")


@check(
    "P133", "Two cookies of one name", Severity.CRITICAL,
    consequence="Each overwrites the other: nobody stays logged in, or no token fits.",
    remedy="Give every cookie a name of its own.",
    reference="docs/accounts/sessions.md",
)  # fmt: skip
def colliding_cookies(subject: Subject) -> Iterator[Objection]:
    for (_, name), (key, other) in combinations(_cookies(subject.policy).items(), 2):
        if name == other:
            yield Objection(key, f"{other!r} is taken already.")


@check(
    "P134", "Setting without effect", Severity.MEDIUM,
    consequence="It looks as if something were protected or let in, and nothing reads it.",
    remedy="Write what it needs, or take it out.",
    reference="docs/policy.md",
)  # fmt: skip
def idle_setting(subject: Subject) -> Iterator[Objection]:
    policy = subject.policy
    for key in ("audience", "jwks"):
        if getattr(policy.bearer, key) and not policy.bearer.issuer:
            yield Objection(f"bearer.{key}", "no token is taken without bearer.issuer.")
    if policy.authorisation.public and not policy.authorisation.declare:
        yield Objection("authorisation.public", "no route has to declare its access without authorisation.declare.")


def _cookies(policy: Policy) -> dict[str, str]:
    """Names of Garrison's own cookies by the key they are set by."""
    names = {"session.cookie": policy.session.cookie, "login.device_cookie": policy.login.device_cookie}
    return names if policy.csrf.mode is Mode.OFF else {**names, "csrf.cookie": policy.csrf.cookie}
