"""What `--url` of `garrison scan` means: which scanners look at a running application, and whether they may."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Final

from .output import Usage

if TYPE_CHECKING:
    from ..policy.section_scan import ScanSection
    from ..scan.adapter import Adapter

ACTIVE: Final = ("nuclei", "schemathesis", "sqlmap", "wapiti", "zap")


def live_adapters(
    url: str, section: ScanSection, *, only: Collection[str], active: bool, methods: Sequence[str], rate: int,
    schema: str, credential: str,
) -> list[Adapter]:  # fmt: skip
    """The scanners of a running application. Raises `TargetRefused`, `Usage`, and what reading the secret raises."""
    from ..scan.live import live, may_attack
    from ..scan.tool_headers import Headers
    from ..scan.tool_nuclei import Nuclei
    from ..scan.tool_schemathesis import Schemathesis
    from ..scan.tool_sqlmap import Sqlmap
    from ..scan.tool_tls import Sslyze, tls
    from ..scan.tool_wapiti import Wapiti
    from ..scan.tool_zap import Zap

    wanted = [name for name in only if name in ACTIVE]
    if wanted and not active:
        raise Usage(f"{wanted[0]} attacks the application.", remedy="Say so: --active.")
    header, secret = _credential(credential)
    target = live(url, methods, rate, schema, header, secret)
    found: list[Adapter] = [Headers(target)]
    if url.startswith("https:"):
        found += [tls(target), Sslyze(target)]
    if active:
        may_attack(target, section.targets)
        found += [Schemathesis(target), Sqlmap(target), Wapiti(target), Nuclei(target), Zap(target)]
    return found


def _credential(given: str) -> tuple[str, str]:
    """`HEADER=REFERENCE`: the header's name, and the secret that the reference stands for."""
    if not given:
        return "", ""
    from ..policy.reference import parse_reference
    from ..secrets.source_env import EnvSource
    from ..secrets.source_file import FileSource

    header, _, reference = given.partition("=")
    if not header.replace("-", "").isalnum() or not reference.startswith(("env:", "file:")):
        raise Usage(
            "A credential is HEADER=REFERENCE.", remedy="As in Authorization=env:SCAN_TOKEN, or file:/run/token."
        )
    parsed = parse_reference(reference)
    source = EnvSource(os.environ) if parsed.scheme == "env" else FileSource()
    secret = source.read(parsed).reveal()
    if not secret.isprintable():
        raise Usage("The credential holds a line end or control character.", remedy="Write it on one line.")
    return header, secret
