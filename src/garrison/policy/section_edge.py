"""`[edge]`: the proxy in front that `garrison edge` writes the configuration of.

Threat: a value that ends one directive of somebody else's configuration language and begins another. So paths and
addresses are parsed here, into a character set that none of these languages gives a meaning to.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from ..core.listeners import parse_listener
from .section import Frozen
from .units import Seconds

SAFE_PATH = r"^/[A-Za-z0-9._/@+-]+$"
_PLAIN = re.compile(r"[A-Za-z0-9._/-]+").fullmatch
Port = Annotated[int, Field(ge=1, le=65535)]
Account = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")]


def check_upstream(text: str) -> str:
    """`unix:/run/app.sock` or `127.0.0.1:8000`. Raises ValueError."""
    if text.startswith("/"):
        raise ValueError(f"a path is written with what it is: unix:{text}")
    path, _ = parse_listener(text)
    if path.startswith("/") and not _PLAIN(path):
        raise ValueError("the path of the socket may hold letters, digits and . _ / - only")
    return text


class EdgeSection(Frozen):
    """The proxy in front: what `garrison edge` writes into its configuration beside what the other sections say."""

    hsts: bool = False
    """The proxy writes Strict-Transport-Security, also on answers of its own; the application then leaves it out of
    what came through a proxy."""
    upstream: Annotated[str, AfterValidator(check_upstream)] = "unix:/run/garrison/app.sock"
    """Where the application listens: `unix:/run/garrison/app.sock`, or an address and a port."""
    certificate: Annotated[str, Field(pattern=SAFE_PATH)] = "/etc/garrison/tls/chain.pem"
    """The certificate in PEM, its chain behind it. HAProxy looks for the key in the same name with `.key` behind."""
    key: Annotated[str, Field(pattern=SAFE_PATH)] = "/etc/garrison/tls/key.pem"
    """The certificate's key in PEM."""
    acme: bool = False
    """Caddy obtains the certificate itself; `certificate` and `key` are then not read."""
    http_port: Port = 80
    """Where http is answered with redirects."""
    https_port: Port = 443
    """Where https is served."""
    post_quantum: bool = False
    """Offer X25519MLKEM768 first. Needs OpenSSL 3.5 (nginx, HAProxy) or Caddy 2.10 at the proxy, which else refuses
    to start."""
    connections: Annotated[int, Field(ge=16, le=1_000_000)] = 4096
    """Connections the proxy holds at once, of all clients together."""
    answer: Annotated[Seconds, Field(gt=0)] = 60.0
    """How long the application may take to begin an answer, or to go on with it, before the proxy gives up (504)."""
    clear_server: bool = True
    """nginx clears its Server header. It can only do so with the module headers-more, and does not start without."""
    group: Account = "www-data"
    """The system group of the proxy: the only one that may connect to the application's Unix socket."""
