"""`[[scan.targets]]`: hosts that may be attacked by a scan, because they show that they are yours."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .section import Frozen


class ScanTarget(Frozen):
    """A host that `garrison scan --url … --active` may attack. Loopback needs no entry."""

    host: Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?(?::\d{1,5})?$")]
    """Its name, with the port where it is not the usual one: `staging.example.com`, `staging.example.com:8443`."""
    proof: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{32,100}$")]
    """A random text that the host serves at `/.well-known/garrison-scan`; it is asked for before each scan."""
