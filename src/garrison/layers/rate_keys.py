"""What is counted, and under which key: quotas from rates, keys from clients.

Threat: two clients share a counter because their keys meet, or one client has many counters because it chooses parts
of its key. So keys hold only what was verified: the client's address or network, or a principal's kind and id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import IPv6Address
from typing import Final, TypeAlias

from ..core.facts import Client
from ..core.ports import Quota
from ..policy.units import Rate

Charges: TypeAlias = Sequence[tuple[Quota, str]]

WIDER: Final = ((64, 4), (56, 8), (48, 64))
"""IPv6 prefixes wider than the client's own (64 bits by default) that count too, and at how many times its rate."""
_REMEMBERED: Final = 1024
"""IPv6 clients whose charges are kept ready: working them out costs as much as taking them."""


def quotas_of(rates: Sequence[Rate], name: str) -> tuple[Quota, ...]:
    """A quota per rate: `name` alone, or with the window (and, for one window twice, the place) when there are several.

    Raises ValueError for a name that can't stand in a header (RFC 9651, section 3.3.3: printable ASCII).
    """
    if not (name.isascii() and name.isprintable()):
        raise ValueError(f"the name of a limit must be printable ASCII: {name!r}")
    windows = [rate.window for rate in rates]
    labels = [
        (f"-{window:g}s" if len(rates) > 1 else "") + (f"-{place}" if window in windows[:place] else "")
        for place, window in enumerate(windows)
    ]
    return tuple(
        Quota(name + label, rate.limit, rate.window, rate.burst) for rate, label in zip(rates, labels, strict=True)
    )


def network_charges(quotas: Sequence[Quota], prefix: int = 64) -> Callable[[Client], Charges]:
    """`charges(client)`: the client's key under each quota; for IPv6 also its networks wider than `prefix` bits."""
    wider = [
        (width // 4, Quota(f"{quota.name}/{width}", quota.limit * factor, quota.window, quota.burst * factor))
        for width, factor in WIDER
        if width < prefix
        for quota in quotas
    ]
    ready: dict[str, Charges] = {}

    def charges(client: Client) -> Charges:
        found = ready.get(client.key)
        if found is None:
            if len(ready) >= _REMEMBERED:
                ready.clear()
            found = ready[client.key] = _charges(client, quotas, wider)
        return found

    return charges


def _charges(client: Client, quotas: Sequence[Quota], wider: Sequence[tuple[int, Quota]]) -> Charges:
    own = tuple((quota, client.key) for quota in quotas)
    if not isinstance(client.address, IPv6Address):
        return own
    digits = f"{int(client.address):032x}"
    return own + tuple((quota, digits[:count]) for count, quota in wider)
