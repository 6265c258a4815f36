"""Where shared state is kept, as a type: the policy's `store` read or refused.

    embedded                                              limits in memory, records in one SQLite file (the default)
    memory                                                everything in memory, gone after a restart
    redis://user:env:STORE_PASSWORD@store.internal:6379/0
    rediss+sentinel://user:env:STORE_PASSWORD@a:26379,b:26379,c:26379/primary/0
    rediss+cluster://user:env:STORE_PASSWORD@a:6379,b:6379
    rediss://user:vault://kv/shop/store#password@store.internal:6379/0
    env:STORE_URL                                         the whole address, kept where a secret is kept

`rediss` is the encrypted one. Options stand behind a question mark: `ca=/etc/store-ca.pem` (the system's otherwise),
`namespace=shop`, and for Sentinel `sentinel_user` and `sentinel_password`.

Threat: a password in the policy is read by everybody who reads the repository, and shows in errors and logs. So a
password is a reference (where that holds an `@`, keep the whole address as a secret), resolved when the store is built,
and no message here repeats any part of an address but scheme and hosts. Lets pass: a password inside of what
`env:STORE_URL` leads to; it is nowhere else.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import parse_qsl, unquote

from ..core.errors import OperatorError
from ..core.host import bracketed
from ..core.ports import Reveal
from .reference import is_reference

Kind = Literal["embedded", "memory", "standalone", "sentinel", "cluster"]

_ADDRESS: Final = re.compile(
    r"(?P<scheme>[a-z+]+)://(?:(?P<info>[^@/?#]*|[^@:/?#]*:[a-z][a-z0-9-]*:/[^@?]+)@)?(?P<hosts>[^@/?#]+)(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
).fullmatch
_PLACE: Final = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?"
).fullmatch
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}").fullmatch
_SCHEMES: Final[Mapping[str, tuple[Kind, bool]]] = {
    "redis": ("standalone", False),
    "rediss": ("standalone", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
_LOCAL: Final[tuple[Kind, ...]] = ("embedded", "memory")
_OPTIONS: Final = ("ca", "namespace", "sentinel_user", "sentinel_password")
_PORTS: Final = {"sentinel": 26379}


class StoreMalformed(OperatorError):
    """What `store` refers to is no address of a store. What it is is not repeated; `reference` is where it is kept."""

    def __init__(self, reference: str, why: str) -> None:
        super().__init__(f"{reference}, named by `store`, holds no store: {why}.", remedy="Put an address there.")
        self.reference = reference


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A parsed `store`. `hosts` are (name, port); `service` is Sentinel's name of the primary.

    `password` and `sentinel_password` are references until `resolve_store` has looked them up; neither is shown.
    """

    kind: Kind
    tls: bool = False
    hosts: tuple[tuple[str, int], ...] = ()
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    service: str = ""
    namespace: str = "garrison"
    ca: str = ""
    sentinel_user: str = ""
    sentinel_password: str = field(default="", repr=False)

    @property
    def local(self) -> bool:
        """Whether it is this process's own, or this machine's file."""
        return self.kind in _LOCAL

    @property
    def exposed(self) -> tuple[str, ...]:
        """The hosts that are reached without encryption over a network; empty when there are none."""
        return () if self.tls else tuple(name for name, _ in self.hosts if not is_loopback(name))

    def __str__(self) -> str:
        """For people: scheme and hosts, never a user or a password."""
        if self.local:
            return self.kind
        scheme = next(name for name, what in _SCHEMES.items() if what == (self.kind, self.tls))
        hosts = (f"{bracketed(name)}:{port}" for name, port in self.hosts)
        return f"{scheme}://{','.join(hosts)}"


def parse_store(text: str, *, secret: bool = False) -> StoreAddress:
    """`text` as a type. With `secret` a literal password is accepted: the text itself comes from a secret place.

    Raises ValueError that says what to write, and repeats nothing of what may be a password.
    """
    if text in _LOCAL:
        return StoreAddress("embedded" if text == "embedded" else "memory")
    found = _ADDRESS(text)
    if found is None or found["scheme"] not in _SCHEMES:
        raise ValueError(_scheme_hint(text))
    kind, tls = _SCHEMES[found["scheme"]]
    username, _, password = (found["info"] or "").partition(":")
    options = _options(found["query"] or "", secret=secret)
    service, database = _path(kind, found["path"] or "")
    default = _PORTS.get(kind, 6379)
    return StoreAddress(
        kind,
        tls,
        tuple(_place(part, default) for part in _parts(kind, found["hosts"])),
        username=unquote(username),
        password=_password(unquote(password), secret=secret),
        database=database,
        service=service,
        **options,
    )


def check_store(text: str) -> str:
    """`text` itself, when it is a store or a reference to one; for the policy's model. Raises ValueError."""
    if not is_reference(text):
        parse_store(text)
    return text


def resolve_store(text: str, reveal: Reveal) -> StoreAddress:
    """The address with its references looked up. Raises what `reveal` raises, and `StoreMalformed`."""
    if is_reference(text):
        try:
            # What stands in it is meant literally. No local name holds it: crash reports show those.
            return parse_store(reveal(text).strip(), secret=True)
        except ValueError as error:
            raise StoreMalformed(text, str(error)) from None
    address = parse_store(text)
    found = {name: reveal(reference) for name, reference in _passwords(address)}
    return replace(address, password=found.get("password", ""), sentinel_password=found.get("sentinel_password", ""))


def references_in_store(text: str) -> Iterator[tuple[str, str]]:
    """The references of a `store`, each with the key it stands at."""
    if is_reference(text):
        yield "store", text
        return
    for name, reference in _passwords(parse_store(text)):
        yield f"store.{name}", reference


def _passwords(address: StoreAddress) -> Iterator[tuple[str, str]]:
    for name in ("password", "sentinel_password"):
        if reference := getattr(address, name):
            yield name, reference


def _scheme_hint(text: str) -> str:
    scheme = text.partition("://")[0].partition(":")[0]
    names = [*_LOCAL, *_SCHEMES]
    near = difflib.get_close_matches(scheme.lower()[:20], names, n=1)
    if near and near[0] != scheme:
        return f"not a store; did you mean {near[0]!r}?"
    return f'not a store; write "embedded", "memory", or an address such as "{list(_SCHEMES)[1]}://host:6379/0"'


def _parts(kind: Kind, hosts: str) -> list[str]:
    parts = hosts.split(",")
    if kind == "standalone" and len(parts) > 1:
        raise ValueError("several hosts need redis+sentinel:// or redis+cluster://")
    return parts


def _place(text: str, default: int) -> tuple[str, int]:
    found = _PLACE(text)
    port = int(found["port"]) if found and found["port"] else default
    if found is None or not 0 < port < 65536:
        raise ValueError("a host of the store is malformed; write name:port")
    return found["six"] or found["name"], port


def _path(kind: Kind, path: str) -> tuple[str, int]:
    parts = [unquote(part) for part in path.split("/") if part]
    service = parts.pop(0) if kind == "sentinel" and parts else ""
    if kind == "sentinel" and not _NAME(service):
        raise ValueError("Sentinel needs the name of the primary behind the hosts: redis+sentinel://a,b/primary/0")
    if kind == "cluster" and parts not in ([], ["0"]):
        raise ValueError("a cluster has database 0 only")
    if len(parts) > 1 or not all(part.isdecimal() and part.isascii() and len(part) < 5 for part in parts):
        raise ValueError("the database of the store is one number behind the host: redis://host:6379/0")
    return service, int(parts[0]) if parts else 0


def _password(text: str, *, secret: bool) -> str:
    if text and not secret and not is_reference(text):
        raise ValueError(
            "a password has no place in a policy; write user:env:NAME@host, or keep the whole address as a secret"
        )
    return text


def _options(query: str, *, secret: bool) -> dict[str, str]:
    options: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _OPTIONS or name in options:
            near = difflib.get_close_matches(name, _OPTIONS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_OPTIONS)}"
            raise ValueError(f"an unknown or repeated option of the store; {hint}")
        options[name] = _password(value, secret=secret) if name == "sentinel_password" else value
    if "namespace" in options and not _NAME(options["namespace"]):
        raise ValueError("a namespace has letters, digits, dots, dashes and underscores, 64 at most")
    return options


def is_loopback(host: str) -> bool:
    """Whether a link to `host` stays on this machine: `localhost`, or an address of 127.0.0.0/8 or ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
