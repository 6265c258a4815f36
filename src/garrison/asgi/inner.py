"""What the application is told of a request: its scope, with our one key in the state.

Threat: behind a trusted proxy the socket's peer is the proxy, and the scheme is that of the inner link. An application
that believes them writes http:// into its redirects and links (a downgrade that whoever is on the path can use,
CWE-319), and counts and logs everybody as one client. So it is told what the client layer found, and only where a
trusted proxy vouched for it (`core.address`).
Lets pass: what the application reads from the forwarding headers by itself.
"""

from __future__ import annotations

from ..core.exchange import Exchange
from ..core.names import STATE_KEY
from .types import Scope

_NO_PORT = 0


def inner_scope(scope: Scope, exchange: Exchange) -> Scope:
    """The scope for the application. The one that the server gave stays as it is."""
    state = {**scope.get("state", {}), STATE_KEY: exchange}
    facts = exchange.facts
    client = facts.client
    if not client.proxied:
        return {**scope, "state": state}
    told = scope.get("client") if client.address is None else (str(client.address), _NO_PORT)
    return {**scope, "scheme": facts.scheme, "client": told, "state": state}
