"""Attacks on the demo that anybody can try with curl. Each says what it is answered, and why; tests try them all."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

_FLOOD = 40
"""More than the burst of the log-in route of the reference application."""


@dataclass(frozen=True, slots=True)
class Attack:
    """`command` is one line for a POSIX shell that prints the answer; `status` and `reason` are what it gets."""

    title: str
    why: str
    command: str
    status: int
    reason: str


def attacks(url: str, certificate: Path) -> list[Attack]:
    """The attacks against the demo at `url`, whose certificate is vouched for by the file `certificate`."""

    def curl(*arguments: str) -> str:
        return shlex.join(["curl", "-sS", "--cacert", str(certificate), *arguments])

    log_in = f"{url}/log-in"
    return [
        Attack(
            "A Host of the attacker's choice",
            "Links, redirects and password mails built from it would lead to the attacker's site.",
            curl("-H", "Host: attacker.example", f"{url}/"),
            421,
            "host-unknown",
        ),
        Attack(
            "A form on another site",
            "The browser itself says that the request comes from elsewhere (Sec-Fetch-Site).",
            curl("-H", "Origin: https://attacker.example", "-H", "Sec-Fetch-Site: cross-site",
                 "-d", "email=demo@example.com", log_in),
            403,
            "cross-site",
        ),
        Attack(
            "A form without the CSRF token",
            "Logging a visitor in to the attacker's account needs no cookie, so the log-in asks for a token always.",
            curl("-d", "email=demo@example.com&password=guess", log_in),
            403,
            "csrf-missing",
        ),
        Attack(
            "A body larger than the route takes",
            "Refused by its announced length before it is read; without a length it is counted as it arrives.",
            curl("-H", "Content-Type: application/json", "--data-binary", "@-", f"{url}/api/notes")
            .replace("curl", "head -c 2000000 /dev/zero | curl", 1),
            413,
            "body-too-large",
        ),
        Attack(
            "TRACE",
            "It echoes cookies and headers back, where scripts could read them.",
            curl("-X", "TRACE", f"{url}/"),
            405,
            "method-not-allowed",
        ),
        Attack(
            "Climbing out of a folder, encoded twice",
            "A proxy and the application may decode it a different number of times.",
            curl("--path-as-is", f"{url}/static/%252e%252e/%252e%252e/etc/passwd"),
            400,
            "target-malformed",
        ),
        Attack(
            "Guessing passwords fast",
            f"{_FLOOD} tries in a row: past the burst of ten, the rate limit of the log-in answers.",
            f"for i in $(seq {_FLOOD}); do {curl('-d', 'password=guess', log_in)}; echo; done | tail -n 1",
            429,
            "rate-limited",
        ),
    ]  # fmt: skip
