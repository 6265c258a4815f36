"""The policy of detection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from .section import Frozen, Names

HoneyPath = Annotated[str, Field(pattern=r"^/[^\x00-\x20*?#]{1,200}$")]

HoneyToken = Annotated[str, Field(pattern=r"^(key|password|id):(1[6-9]|[2-9][0-9]|1[01][0-9]|12[0-8]):[0-9a-f]{32}$")]
PlantedName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class DetectionSection(Frozen):
    """Alerts from events: `docs/detection/index.md`."""

    enabled: bool = True
    """Watch events, and raise alerts."""
    rules: Names = ()
    """Folders with rules of your own; one with the id of a shipped rule takes its place."""
    off: Names = ()
    """Ids of rules that are left out."""
    shared: bool = True
    """With a shared store: fold the events of all nodes together."""
    keys: Annotated[int, Field(ge=1000, le=5_000_000)] = 200_000
    """Addresses, accounts, … remembered over all rules together; about 700 bytes each."""
    honey_paths: tuple[HoneyPath, ...] = ()
    """Paths that nobody has a reason to ask for, exactly: linked from nowhere, named in no page."""
    honey_accounts: Names = ()
    """Logins that belong to nobody."""
    asn_header: Annotated[str, Field(pattern=r"^([A-Za-z0-9-]{1,64})?$")] = ""
    """Header in which trusted proxies name the client's autonomous system, such as `X-Client-ASN`. Empty: none."""
    asn_table: str = ""
    """File of networks and the numbers of their autonomous systems, read at the start. Empty: none."""
    honey_tokens: Mapping[PlantedName, HoneyToken] = Field(default_factory=dict)
    """Planted credentials, keys and record ids, as digests: `garrison honey plant` makes the lines."""
