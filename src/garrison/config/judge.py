"""Values that no production start should have, whatever their schema says.

Threat: what was convenient in development goes on: debug pages, any host, the password of the image, the key of the
tutorial, one key for two purposes, a link that anybody on the way can read. Development is let through; everything else
is held to this, staging included. One value is let through by its key in `allow_insecure_value`, one link by its name
in `allow_insecure_link`.

Lets pass: a secret that looks random and is known to somebody; a switch that is called something else; a secret that is
declared as text under a name that does not say so.

Sources: OWASP ASVS 5.0 V13.3 and V13.4, CWE-489, CWE-521, CWE-1188; NIST SP 800-57 Part 1, section 5.2.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, get_args

from ..policy.links import exposed, link_name, password_in
from ..policy.problems import Problem
from ..policy.source import Kind, Source
from ..secrets.secret import Secret
from ..secrets.strength import Weak, known_example, root_key
from .keys import Key, at
from .types import LinkTo

_SWITCHES: Final = re.compile(r"(?:.*_)?(?:debug|debugging|reload|autoreload|testing)").fullmatch
_WHO: Final = re.compile(r"(?:.*_)?(?:hosts?|origins?|proxies|networks|forwarded_allow_ips|bind_hosts)").fullmatch
_NAMED_SECRET: Final = re.compile(
    r"(?:.*_)?(?:password|passwd|passphrase|secret|token|credentials?|(?:api|secret|private|signing|access)_?key)"
).fullmatch
_ANYBODY: Final = frozenset({"*", ".*", "0.0.0.0/0", "::/0", "http://*", "https://*"})
_TRUE: Final = frozenset({"1", "true", "t", "yes", "y", "on"})
_DEFAULTS: Final = frozenset({
    "123456", "12345678", "123456789", "1234567890", "admin", "administrator", "adminadmin", "changeit", "changeme",
    "default", "demo", "dev", "development", "guest", "letmein", "master", "minioadmin", "mongo", "mysql", "pass",
    "passw0rd", "password", "postgres", "qwerty", "rabbitmq", "redis", "root", "sa", "secret", "system", "test",
    "testing", "token", "toor", "user", "vagrant", "welcome",
})  # fmt: skip
_SHORTEST: Final = 8
"""Characters of a password that a person chose (NIST SP 800-63B, section 3.1.1.2)."""
_ALLOW: Final = 'If it must be so, name the key: allow_insecure_value = ["{key}"].'


def judge(
    keys: Sequence[Key],
    values: Mapping[str, Any],
    environment: str,
    environ: Mapping[str, str],
    source: Callable[[str], Source],
    references: Mapping[str, str],
) -> Iterator[Problem]:
    """What is dangerous among `values` (which need not be valid), and loosenings that loosen nothing."""
    allowed = _names(at(values, ("allow_insecure_value",)))
    links = _names(at(values, ("allow_insecure_link",)))
    known = {key.name for key in keys}
    for name in allowed:
        if name not in known:
            fix = "It holds dotted keys, such as db.password."
            yield Problem("allow_insecure_value", "it names no key.", source("allow_insecure_value"), fix)
    for key in keys:  # other users read a command line, in development too
        if key.secret and source(key.name).kind is Kind.ARGUMENT:
            fix = "Give it by a variable, a file or a reference."
            yield Problem(key.name, "a secret on the command line is everybody's.", source(key.name), fix)
    if environment == "development":
        return
    for key in keys:
        if key.is_left_out(values):
            continue
        given = at(values, key.path)
        value = key.default if given is None else given
        if key.name not in allowed and (why := _plain(key, value)):
            yield Problem(key.name, why, source(key.name), _ALLOW.format(key=key.name))
        text = value.reveal() if isinstance(value, Secret) else value
        if not isinstance(text, str):
            continue
        if key.name not in allowed and text and _is_bare(key):
            fix = f"Declare it as SecretText. {_ALLOW.format(key=key.name)}"
            yield Problem(
                key.name, "it is called a secret and declared as text, which is shown.", source(key.name), fix
            )
        if key.name not in allowed and key.secret and (why := _secret(key, text, source(key.name), references)):
            yield Problem(key.name, why, source(key.name), f"Make a new one. {_ALLOW.format(key=key.name)}")
        yield from _link(key, text, source(key.name), links)
    yield from _reused(keys, values, environ, source, allowed)


def _plain(key: Key, value: Any) -> str:
    last = key.path[-1]
    if _SWITCHES(last) and (value is True or str(value).lower() in _TRUE):
        return "it is on, which is for development."
    if _WHO(last) and _ANYBODY & _names(value):
        return "it lets in everybody."
    return ""


def _secret(key: Key, text: str, source: Source, references: Mapping[str, str]) -> str:
    if source.kind is Kind.DEFAULT:
        return "its value stands in the code."
    if source.kind is Kind.FILE and source.line is not None and key.name not in references:
        return "the secret itself stands in the file; write a reference to it."
    if isinstance(key.secret, LinkTo):
        password = password_in(text)
        return _guessable(password) if password else ""
    if key.secret is not None and key.secret.kind == "key":
        try:
            root_key(text)
        except Weak as error:
            return f"{error}."
        return ""
    return _guessable(text)


def _guessable(text: str) -> str:
    if text.lower() in _DEFAULTS or known_example(text):
        return "it is, or holds, a known default or example."
    if len(text) < _SHORTEST or len(set(text)) < 4:
        return f"it is too weak: less than {_SHORTEST} characters, or the same few again and again."
    return ""


def _is_bare(key: Key) -> bool:
    """Whether a key is called a secret, and its type keeps none."""
    kinds = {key.info.annotation, *get_args(key.info.annotation)}
    return key.secret is None and str in kinds and _NAMED_SECRET(key.path[-1]) is not None


def _link(key: Key, text: str, source: Source, allowed: frozenset[str]) -> Iterator[Problem]:
    name = key.secret.name if isinstance(key.secret, LinkTo) else link_name(text)
    if name and name not in allowed and (why := exposed(text)):
        fix = f'Encrypt and verify it, or where the network is trusted: allow_insecure_link = ["{name}"].'
        yield Problem(key.name, f"the link is {why}.", source, fix)


def _reused(
    keys: Sequence[Key], values: Mapping[str, Any], environ: Mapping[str, str], source: Callable[[str], Source],
    allowed: frozenset[str],
) -> Iterator[Problem]:  # fmt: skip
    users: defaultdict[str, list[str]] = defaultdict(list)
    for root in re.split(r"[\s,]+", environ.get("GARRISON_KEY", "")):
        users[root].append("Garrison's root key")
    for key in keys:
        value = at(values, key.path)
        text = value.reveal() if isinstance(value, Secret) else value
        if key.secret and isinstance(text, str):
            text = password_in(text) if isinstance(key.secret, LinkTo) else text
            if text:
                users[text].append(key.name)
    for names in users.values():
        for name in names[1:]:
            if name not in allowed:
                fix = f"Make one for each purpose. {_ALLOW.format(key=name)}"
                yield Problem(name, f"it is the same secret as {names[0]}.", source(name), fix)


def _names(value: Any) -> frozenset[str]:
    """The parts of a list, however it is written."""
    if isinstance(value, str):
        return frozenset(part.strip() for part in value.strip("[] ").replace('"', "").split(",") if part.strip())
    if isinstance(value, (list, tuple, set, frozenset)):
        return frozenset(str(part) for part in value)
    return frozenset()
