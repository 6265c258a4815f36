"""Secrets in environment variables.

Threat: an attacker who sets variables (through a CGI-like bridge, a loose unit file) puts another value in place; there
is no defence against that here, so only names that the policy refers to are ever read. Lets pass: whoever may read
/proc/PID/environ (this user, the superuser); it shows a variable even after the process has removed it, and child
processes inherit it. `garrison serve` starts itself anew without them; under another server, a file is better.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..policy.reference import Reference
from .secret import Secret
from .source import as_secret


class EnvSource:
    """`env:NAME`."""

    scheme = "env"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def read(self, reference: Reference) -> Secret[str]:
        """As `Source.read`. A variable that is empty is missing: templates set those."""
        place = f"the environment variable {reference.name}"
        return as_secret(self._environ.get(reference.name, ""), place, f"Set {reference.name}.")
