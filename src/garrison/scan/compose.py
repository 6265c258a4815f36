"""What a Compose file gives a container that it does not need. Pure.

Assumption: files named as Compose looks for them (compose.yaml, docker-compose.yml, compose.NAME.yaml). What is missing
is only told of services that are whole: an override and what `extends` another has the rest elsewhere.
Lets pass: `USER` of the image, what a variable stands for, and what other files change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from ..findings.record import Finding, Location
from .deploy_rules import Deploy
from .lined_yaml import Lined, read_yaml
from .plain_secrets import plain_secret

_FILE: Final = re.compile(r"(?:docker-)?compose(?:[.-][\w-]+)*\.ya?ml")
_ON: Final = frozenset({"true", "yes", "on"})
_STORES: Final = frozenset({"1433", "1521", "2375", "2376", "2379", "3306", "5432", "5672", "6379", "6380", "8086",
                            "8200", "9042", "9092", "9200", "11211", "15672", "27017"})  # fmt: skip
_WEB: Final = frozenset({"80", "443"})
_EVERYWHERE: Final = frozenset({"", "0.0.0.0", "::", "[::]"})  # noqa: S104  # what is looked for
_SOCKETS: Final = re.compile(r"(?:docker|podman|containerd|crio)\.sock$")
_HOSTS: Final = re.compile(r"^/(?:|etc|root|proc|sys|boot|dev|usr|lib|run|home|var(?:/(?:lib|lib/docker|run|log))?)/?$")
_OPENS: Final = frozenset({"ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_PTRACE", "SYS_RAWIO", "DAC_READ_SEARCH", "BPF",
                           "SYS_BOOT", "NET_ADMIN", "PERFMON"})  # fmt: skip
_NAMESPACES: Final = ("network_mode", "pid", "ipc", "userns_mode", "uts", "cgroup")
_Hit = tuple[Deploy, int, str, str]
"""Rule, line, message, and what the fingerprint holds on to."""


def is_compose(path: str) -> bool:
    """Whether Compose would take a file of that name."""
    return _FILE.fullmatch(PurePosixPath(path).name.lower()) is not None


def examine_compose(path: str, text: str) -> list[Finding]:
    """What is wrong in one file. Raises ValueError for what is no YAML."""
    services = read_yaml(text).pairs.get("services", Lined({}, 1)).pairs
    found = []
    for name, service in services.items():
        for rule, line, message, mark in _service(service, whole="override" not in PurePosixPath(path).name):
            where = Location(path=path, line=line, key=f"services.{name}"[:200])
            found.append(rule.found(f"{name}: {message}", where, f"{name} {mark}"))
    return found


def _service(service: Lined, *, whole: bool) -> Iterator[_Hit]:
    has = service.pairs
    yield from _rights(has)
    yield from _environment(has)
    yield from _mounts(has)
    yield from _ports(has)
    yield from _image(has)
    if whole and "extends" not in has and ("image" in has or "build" in has):
        yield from _missing(service.line, has)


def _on(has: dict[str, Lined], key: str) -> bool:
    return key in has and has[key].text.lower() in _ON


def _items(has: dict[str, Lined], key: str) -> list[Lined]:
    return has[key].items if key in has else []


def _option(one: Lined) -> str:
    return one.text.lower().replace("=", ":")


def _rights(has: dict[str, Lined]) -> Iterator[_Hit]:
    if _on(has, "privileged"):
        yield Deploy.PRIVILEGED, has["privileged"].line, "privileged: true.", "privileged"
    for key in _NAMESPACES:
        if key in has and has[key].text == "host":
            yield Deploy.NAMESPACE, has[key].line, f"{key}: host.", key
    for one in _items(has, "cap_add"):
        if one.text.upper().removeprefix("CAP_") in _OPENS:
            yield Deploy.ADDED, one.line, f"cap_add {one.text}.", one.text
    for one in _items(has, "security_opt"):
        if _option(one) in {"seccomp:unconfined", "apparmor:unconfined", "label:disable"}:
            yield Deploy.UNCONFINED, one.line, f"{one.text}.", one.text
    if "user" in has and has["user"].text.partition(":")[0] in {"root", "0"}:
        yield Deploy.ROOT_USER, has["user"].line, f"user: {has['user'].text}.", "user"


def _environment(has: dict[str, Lined]) -> Iterator[_Hit]:
    given = has.get("environment", Lined({}, 1))
    pairs = [(name, one.text, one.line) for name, one in given.pairs.items()]
    for item in given.items:
        name, _, value = item.text.partition("=")
        pairs.append((name, value, item.line))
    for name, value, line in pairs:
        if plain_secret(name, value):
            yield Deploy.PLAIN_SECRET, line, f"{name[:80]} is written here.", name


def _mounts(has: dict[str, Lined]) -> Iterator[_Hit]:
    for one in _items(has, "volumes"):
        if one.pairs:
            source = one.pairs.get("source", Lined("", 1)).text
            read_only = _on(one.pairs, "read_only")
        else:
            source, _, rest = one.text.partition(":")
            read_only = "ro" in rest.rpartition(":")[2].split(",")
        if _SOCKETS.search(source):
            yield Deploy.SOCKET, one.line, f"{source} is mounted.", source
        elif _HOSTS.match(source) and not read_only:
            yield Deploy.HOST_FOLDER, one.line, f"{source} of the host is mounted, and can be written.", source


def _ports(has: dict[str, Lined]) -> Iterator[_Hit]:
    for one in _items(has, "ports"):
        address, published, target = _port(one)
        if address not in _EVERYWHERE or published in _WEB or "$" in published + target:
            continue
        rule = Deploy.STORE_PORT if {published, target} & _STORES else Deploy.OPEN_PORT
        yield rule, one.line, f"port {published or target} is open on every address of the host.", f"port {target}"


def _port(one: Lined) -> tuple[str, str, str]:
    """Address, published port, and port of the container. An address that is loopback or a variable is as it says."""
    if one.pairs:
        said = {key: value.text for key, value in one.pairs.items()}
        return said.get("host_ip", ""), said.get("published", ""), said.get("target", "")
    rest, _, target = one.text.partition("/")[0].rpartition(":")
    address, _, published = rest.rpartition(":")
    return address, published, target


def _image(has: dict[str, Lined]) -> Iterator[_Hit]:
    if "image" not in has or "build" in has:
        return
    name, line = has["image"].text, has["image"].line
    if "@sha256:" in name or "$" in name or not name:
        return
    tag = name.rpartition("/")[2].partition(":")[2]
    if tag in {"", "latest"}:
        yield Deploy.LATEST, line, f"{name[:120]} is whatever was pushed last.", "image"
    else:
        yield Deploy.NO_DIGEST, line, f"{name[:120]} has no digest.", "image"


def _missing(line: int, has: dict[str, Lined]) -> Iterator[_Hit]:
    if _on(has, "privileged"):
        return  # nothing else matters
    if not _on(has, "read_only"):
        yield Deploy.WRITABLE_ROOT, line, "read_only is not set.", "read_only"
    if "ALL" not in {one.text.upper() for one in _items(has, "cap_drop")}:
        yield Deploy.CAPABILITIES, line, "cap_drop does not name ALL.", "cap_drop"
    if not {_option(one) for one in _items(has, "security_opt")} & {"no-new-privileges:true", "no-new-privileges"}:
        yield Deploy.NEW_RIGHTS, line, "no-new-privileges is not set.", "no-new-privileges"
