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
    """Writes both headers when something was charged. The fixed text of quotas that come together is made once."""
    known: dict[str, _Texts] = {}

    def amend(exchange: Exchange, edit: Edit) -> None:
        taken = exchange.taken
        if not taken:
            return
        quotas: list[Quota] = []
        numbers: list[int] = []
        for quota, allowed, remaining, reset, retry_after in taken:
            quotas.append(quota)
            numbers += remaining, ceil(reset if allowed else retry_after)
        texts = known.get(quota.name)
        if texts is None or texts.quotas != quotas:
            texts = known[quota.name] = _Texts(quotas)
        edit.headers += (texts.policy, (STATE, texts.state % tuple(numbers)))

    return amend


class _Texts:
    """Both headers for some quotas: the policy complete, the state a pattern. Names come from policy, so few exist."""

    __slots__ = ("policy", "quotas", "state")

    def __init__(self, quotas: list[Quota]) -> None:
        self.quotas = quotas
        self.policy = (POLICY, b", ".join([policy_item(quota) for quota in quotas]))
        self.state = b", ".join([_quoted(quota.name).replace(b"%", b"%%") + b";r=%d;t=%d" for quota in quotas])


def policy_item(quota: Quota) -> bytes:
    """One item of `RateLimit-Policy`. Windows are whole seconds there: a shorter one is told as one second."""
    return _quoted(quota.name) + b";q=%d;w=%d" % (quota.limit, ceil(quota.window))


def _quoted(name: str) -> bytes:
    """A Structured Fields string (RFC 9651, section 3.3.3). The name is printable ASCII, see `rate.quotas_of`."""
    return b'"' + name.encode("ascii").replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
