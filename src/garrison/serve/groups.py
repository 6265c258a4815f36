"""Which key-exchange groups a TLS context offers, on Pythons that have no way to say so.

Threat: a client that negotiates a group nobody vouches for (Mozilla's guidelines name four), or that makes the server
compute on P-521. Python before 3.15 has no `SSLContext.set_groups`, so the setting is made through OpenSSL's own
`SSL_CTX_ctrl`. Assumption: the first field of CPython's context object is its `SSL_CTX*`, which holds for every version
named below and is tried out on each context before it is relied on. Lets pass: interpreters it does not know; there it
changes nothing and says so, and `verified` shows what really holds.
"""

from __future__ import annotations

import ctypes
import ssl
import sys
from contextlib import suppress
from typing import Final

from ..policy.tls import GROUPS

_KNOWN: Final = ((3, 11), (3, 12), (3, 13), (3, 14))
_SET_GROUPS: Final = 92
_GET_MINIMUM: Final = 130
_SESSION_CACHE: Final = 44


def restrict_groups(context: ssl.SSLContext, groups: tuple[str, ...] = GROUPS) -> bool:
    """Offer only `groups`, in this order, as far as OpenSSL knows them. False: nothing could be changed."""
    candidates = (groups, tuple(group for group in groups if "MLKEM" not in group))
    setter = getattr(context, "set_groups", None)
    for names in candidates:
        if setter is not None:
            try:
                setter(":".join(names))
            except ssl.SSLError:
                continue
            return True
        if _control(context, _SET_GROUPS, 0, ":".join(names).encode("ascii")) == 1:
            return True
    return False


def forget_sessions(context: ssl.SSLContext) -> bool:
    """Keep no sessions, so that every handshake looks at the client's certificate anew. False: could not be changed."""
    context.num_tickets = 0
    return _control(context, _SESSION_CACHE, 0, None) is not None


def refuses_group(context: ssl.SSLContext, group: str = "secp521r1") -> bool:
    """Whether a handshake that offers only `group` really fails: the self-test of `restrict_groups`."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE  # a handshake in memory, with ourselves
    client.set_ecdh_curve(group)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = client.wrap_bio(to_client, to_server)
    answer = context.wrap_bio(to_server, to_client, server_side=True)
    with suppress(ssl.SSLWantReadError):
        hello.do_handshake()
    try:
        answer.do_handshake()
    except ssl.SSLWantReadError:
        # The server has answered: with its certificate, or (TLS 1.3) by asking for another group.
        return _asks_again(hello)
    except ssl.SSLError:
        return True
    return False


def _asks_again(client: ssl.SSLObject) -> bool:
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        return True
    return False


def _control(context: ssl.SSLContext, command: int, number: int, text: bytes | None) -> int | None:
    """`SSL_CTX_ctrl` on the context's own OpenSSL; None where it can't be reached safely."""
    if sys.implementation.name != "cpython" or sys.version_info[:2] not in _KNOWN:
        return None
    try:
        import _ssl

        library = ctypes.CDLL(getattr(_ssl, "__file__", None))
        control, clear = library.SSL_CTX_ctrl, library.ERR_clear_error
    except (ImportError, OSError, AttributeError):  # statically linked without its symbols
        return None
    control.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_char_p)
    control.restype = ctypes.c_long
    pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)
    # The pointer is read, not guessed: the oldest protocol must be what Python says it is.
    if not pointer or control(pointer, _GET_MINIMUM, 0, None) != int(context.minimum_version):
        return None
    done: int = control(pointer, command, number, text)
    clear()  # a refused name must not turn up later as somebody else's error
    return done
