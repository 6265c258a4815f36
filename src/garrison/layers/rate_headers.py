"""The RateLimit headers: what a client may still send, as Structured Fields.

draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy: "address";q=600;w=60` and `RateLimit: "address";r=199;t=1`.
`q` and `w` are the policy's numbers, whatever part of them one process enforces. `r` requests may follow at once; `t`
is in how many seconds the quota is whole again. A refused answer tells of the refusing quotas alone, with `t` the wait
until the next request passes: so Retry-After, the longest of these waits, never points before the end of a window.
"""

from __future__ import annotations

from math import ceil
from typing import Final

from ..core.exchange import Exchange
from ..core.headers import Edit
from ..core.layer import Amend
from ..core.ports import Quota

POLICY: Final = b"ratelimit-policy"
STATE: Final = b"ratelimit"
HEADERS: Final = (POLICY, STATE)


def header_writer() -> Amend:
    """Writes both headers when something was charged. A quota's fixed text is made once: names come from policy."""
    known: dict[str, tuple[Quota, bytes, bytes]] = {}

    def encoded(quota: Quota) -> tuple[Quota, bytes, bytes]:
        state = _quoted(quota.name).replace(b"%", b"%%") + b";r=%d;t=%d"
        texts = known[quota.name] = (quota, policy_item(quota), state)
        return texts

    def amend(exchange: Exchange, edit: Edit) -> None:
        taken = exchange.taken
        if not taken:
            return
        policies, states = [], []
        for one in taken:
            texts = known.get(one.quota.name)
            if texts is None or texts[0] is not one.quota:
                texts = encoded(one.quota)
            policies.append(texts[1])
            states.append(texts[2] % (one.remaining, ceil(one.reset if one.allowed else one.retry_after)))
        edit.headers.append((POLICY, b", ".join(policies)))
        edit.headers.append((STATE, b", ".join(states)))

    return amend


def policy_item(quota: Quota) -> bytes:
    """One item of `RateLimit-Policy`. Windows are whole seconds there: a shorter one is told as one second."""
    return _quoted(quota.name) + b";q=%d;w=%d" % (quota.limit, ceil(quota.window))


def _quoted(name: str) -> bytes:
    """A Structured Fields string (RFC 9651, section 3.3.3). The name is printable ASCII, see `rate.quotas_of`."""
    return b'"' + name.encode("ascii").replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
