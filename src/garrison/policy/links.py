"""Whether a link to another service can be read or changed on its way.

Threat: a database, store, mail or log connection that crosses a network in plaintext, or encrypted to whoever answers:
its password and all it carries are anybody's who is on the path. Assumption: the address says how it connects, as the
libraries of its scheme read it. Lets pass: settings that stand elsewhere (`PGSSLMODE`, a client's own configuration
file), and an address whose scheme is unknown here.

Sources: libpq "SSL Support" (only `verify-full` checks the name), OWASP ASVS 5.0 V12.3.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl

from .store_address import is_loopback

LINKS: Final = (
    "store", "issuer", "audit", "export", "alerts", "vault", "aws", "database", "mail", "log", "broker", "directory",
)  # fmt: skip
"""What `allow_insecure_link` may name."""

_PLAINTEXT: Final = "plaintext"
_UNVERIFIED: Final = "encrypted, and to nobody in particular: the server is not verified"


def check_link_name(name: str) -> str:
    """`name` itself, when it is one of `LINKS`; a misspelt one would allow nothing. Raises ValueError."""
    if name in LINKS:
        return name
    near = difflib.get_close_matches(name, LINKS, n=1)
    raise ValueError(f"no link has this name; {f'did you mean {near[0]!r}?' if near else f'there are {LINKS}'}")


def link_name(address: str) -> str:
    """What a link to `address` is called in `allow_insecure_link`; empty for a scheme that is unknown here."""
    return _NAMES.get(_scheme(address), "")


def exposed(address: str) -> str:
    """Why a link to `address` is unsafe off loopback, without repeating any part of it; empty when it is safe."""
    scheme = _scheme(address)
    judge = _JUDGES.get(scheme)
    if judge is None or all(is_loopback(host) or host.startswith("/") for host in _hosts(address)):
        return ""
    return judge(_full_scheme(address), _options(address))


def password_in(address: str) -> str:
    """The password in an address; empty for none."""
    info = _authority(address).rpartition("@")[0]
    return info.partition(":")[2]


def _full_scheme(address: str) -> str:
    return address.partition("://")[0].lower() if "://" in address else ""


def _scheme(address: str) -> str:
    return _full_scheme(address).partition("+")[0]


def _authority(address: str) -> str:
    rest = address.partition("://")[2]
    for end in "/?#":
        # What stands before the last @ may hold any of these.
        head, at, tail = rest.rpartition("@")
        rest = head + at + tail.partition(end)[0]
    return rest


def _hosts(address: str) -> Iterator[str]:
    """The hosts; those of a query (`?host=/run/postgresql`) stand for an empty one, as in libpq."""
    names = _authority(address).rpartition("@")[2].split(",")
    if names == [""]:
        names = _options(address).get("host", "").split(",")
        if names == [""]:
            return  # a socket, or a file
    for name in names:
        bare = name.partition("]")[0].lstrip("[") if name.startswith("[") else name.partition(":")[0]
        yield bare if name.startswith("[") or name.count(":") < 2 else name


def _options(address: str) -> Mapping[str, str]:
    return {name.lower().replace("-", "_"): value for name, value in parse_qsl(address.partition("?")[2])}


def _postgres(scheme: str, options: Mapping[str, str]) -> str:
    mode = options.get("sslmode") or options.get("ssl") or ""
    if mode == "verify-full":
        return ""
    return _UNVERIFIED if mode in {"require", "verify-ca", "true", "1"} else _PLAINTEXT


def _mysql(scheme: str, options: Mapping[str, str]) -> str:
    if options.get("ssl_mode", "").upper() == "VERIFY_IDENTITY":
        return ""
    if "ssl_ca" in options and options.get("ssl_verify_identity", "").lower() in {"true", "1"}:
        return ""
    return _UNVERIFIED if any(name.startswith("ssl") for name in options) else _PLAINTEXT


def _mongo(scheme: str, options: Mapping[str, str]) -> str:
    default = "true" if scheme == "mongodb+srv" else "false"
    if (options.get("tls") or options.get("ssl") or default).lower() != "true":
        return _PLAINTEXT
    loose = ("tlsinsecure", "tlsallowinvalidcertificates", "tlsallowinvalidhostnames")
    return _UNVERIFIED if any(options.get(name, "").lower() == "true" for name in loose) else ""


def _redis(scheme: str, options: Mapping[str, str]) -> str:
    if not scheme.startswith(("rediss", "valkeys")):
        return _PLAINTEXT
    loose = options.get("ssl_cert_reqs", "required").lower() in {"none", "optional"}
    return _UNVERIFIED if loose or options.get("ssl_check_hostname", "").lower() == "false" else ""


def _mail(scheme: str, options: Mapping[str, str]) -> str:
    if scheme.startswith("smtps"):
        return _UNVERIFIED if options.get("verify", "").lower() in {"false", "0", "no"} else ""
    # STARTTLS that is not required goes without when somebody on the path takes the offer out (RFC 8314, section 3).
    return "" if options.get("starttls", "").lower() == "required" else _PLAINTEXT


def _by_scheme(*safe: str) -> Callable[[str, Mapping[str, str]], str]:
    return lambda scheme, options: "" if scheme in safe else _PLAINTEXT


_HTTP: Final = _by_scheme("https", "wss", "otlp+https")
_SYSLOG: Final = _by_scheme("syslog+tls", "tls")
_JUDGES: Final[Mapping[str, Callable[[str, Mapping[str, str]], str]]] = {
    "postgres": _postgres, "postgresql": _postgres, "mysql": _mysql, "mariadb": _mysql, "mongodb": _mongo,
    "redis": _redis, "rediss": _redis, "valkey": _redis, "valkeys": _redis, "smtp": _mail, "smtps": _mail,
    "amqp": _by_scheme(), "ldap": _by_scheme(), "http": _HTTP, "ws": _HTTP, "otlp": _HTTP, "syslog": _SYSLOG,
    "tcp": _SYSLOG, "udp": _SYSLOG,
}  # fmt: skip
_NAMES: Final[Mapping[str, str]] = {
    "postgres": "database", "postgresql": "database", "mysql": "database", "mariadb": "database",
    "mongodb": "database", "redis": "store", "rediss": "store", "valkey": "store", "valkeys": "store", "smtp": "mail",
    "smtps": "mail", "amqp": "broker", "amqps": "broker", "ldap": "directory", "ldaps": "directory", "syslog": "log",
}  # fmt: skip
"""Schemes that say by themselves what the link is for. `http` does not: it may be a page that is only named."""
