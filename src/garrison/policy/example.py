"""A policy file to begin with: what is known about an application, turned into commented TOML.

Pure: the looking is done by `garrison init`. Everything the preset already says is left out; what only the operator
knows (hosts, proxies, the key) is there as a comment.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..core.host import compile_hosts, configured_origin
from ..core.path import PathPattern, compile_paths
from .presets import preset

_FORMS = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_DOCS = (
    "csp.directives.script-src = [\"'nonce'\"]",
    "csp.directives.style-src = [\"'self'\"]",
    'csp.directives.img-src = ["\'self\'", "data:"]',
    "csp.directives.font-src = [\"'self'\"]",
    "csp.directives.connect-src = [\"'self'\"]",
)
"""What Swagger UI needs beside the preset `api`."""


@dataclass(frozen=True, slots=True)
class Cors:
    """What a CORS middleware of the application allows."""

    origins: tuple[str, ...] = ()
    credentials: bool = False
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class AppFacts:
    """What is known about an application. Paths are patterns of route classes (`/items/*`).

    reference   how it is imported (`main:app`), for the comment on top; empty when no application was looked at
    framework   "FastAPI", "Starlette", or empty when its inside can't be seen
    cookies     it keeps a session, or reads identity from a cookie
    pages       it answers with HTML
    bearer      it expects tokens in the Authorization header
    hosts       hosts that a middleware of its own allows
    forms, uploads, logins, health, websockets   paths of each kind
    docs        it serves FastAPI's own documentation page
    docs_page   where it serves interactive documentation, FastAPI's own or that of `docs(app)`
    """

    reference: str = ""
    framework: str = ""
    cookies: bool = False
    pages: bool = False
    bearer: bool = False
    cors: Cors | None = None
    hosts: tuple[str, ...] = ()
    forms: tuple[str, ...] = ()
    uploads: tuple[str, ...] = ()
    logins: tuple[str, ...] = ()
    health: tuple[str, ...] = ()
    websockets: tuple[str, ...] = ()
    docs: bool = False
    docs_page: str = ""


def suggest_preset(facts: AppFacts) -> tuple[str, str]:
    """The name of the preset that fits, and why."""
    if facts.cookies or facts.pages:
        seen = " and ".join(word for word, here in (("cookies", facts.cookies), ("pages", facts.pages)) if here)
        return "browser", f"the application uses {seen}"
    if facts.framework:
        why = "bearer tokens" if facts.bearer else "JSON"
        return "api", f"the application speaks {why}, without cookies or pages"
    if facts.reference:
        return "browser", "the strict choice, for the inside of the application can't be seen from here"
    return "browser", "the strict choice; no application was looked at"


@dataclass(frozen=True, slots=True)
class HstsAnswers:
    """What the operator says of the names below (`Hsts`). None: nobody was asked, and the file asks."""

    subdomains: bool | None = None
    preload: bool | None = None


def write_policy(facts: AppFacts, chosen: str = "", hsts: HstsAnswers = HstsAnswers()) -> str:
    """The text of a `garrison.toml` that fits `facts`. `chosen` is a preset; empty takes the suggested one.

    Raises `UnknownPreset`.
    """
    name, why = (chosen, "as asked for") if chosen else suggest_preset(facts)
    base = preset(name)
    blocks = [
        _head(facts),
        _preset(base.pinned if name == base.name else name, why, base.summary),
        _hosts(facts),
        _key(),
        _proxies(),
        _hsts(hsts),
        _cors(facts.cors),
        _notes(facts, base.name),
        _uploads(facts),
        *_classes(facts, base.name),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _head(facts: AppFacts) -> list[str]:
    what = f" for {_comment(facts.reference)}" if facts.reference else ""
    return [
        f"# Garrison's policy{what}. What is not written here has the value of the preset.",
        "# `garrison explain` prints every value and where it comes from; `garrison check` says what is unsafe.",
    ]


def _preset(pinned: str, why: str, summary: str) -> list[str]:
    return [
        f"# {summary[0].upper()}{summary[1:]}.",
        f"# Chosen because: {why}. The date pins its values; a later one is taken up on purpose.",
        f"preset = {_text(pinned)}",
    ]


def _hosts(facts: AppFacts) -> list[str]:
    known = [host for host in facts.hosts if _good(compile_hosts, host)]
    lines = ["# The names your users type. Production needs them; in development localhost is answered as well."]
    if known:
        return [*lines, f"hosts = {_list(known)}  # taken from the application's TrustedHostMiddleware"]
    return [*lines, '# hosts = ["www.example.com"]']


def _key() -> list[str]:
    return [
        "# The root key for sessions and CSRF tokens is never written here. In production set GARRISON_KEY to the",
        "# output of `garrison secrets key`, or name a file that only the application can read:",
        '# key = "file:/run/secrets/garrison.key"',
    ]


def _proxies() -> list[str]:
    return [
        "# Networks of the proxies in front of the application. Without them every client looks like the proxy.",
        '# proxies = ["10.0.0.0/8"]',
    ]


def _hsts(answers: HstsAnswers) -> list[str]:
    return [
        "# Browsers that were here insist on https for two years. Do all names below yours speak https as well, other",
        "# teams' included? Then bind them too. Preload is hard to undo: read hstspreload.org first.",
        _answered("headers.hsts.include_subdomains", answers.subdomains),
        _answered("headers.hsts.preload", answers.preload),
    ]


def _answered(key: str, answer: bool | None) -> str:
    return f"# {key} = true" if answer is None else f"{key} = {'true' if answer else 'false'}"


def _cors(cors: Cors | None) -> list[str]:
    if cors is None:
        return []
    lines = ["# Taken from the application's CORSMiddleware, which is no longer needed: take it out there."]
    if cors.pattern:
        lines += [f"# Its pattern {_comment(cors.pattern)} can't be kept: list the origins it stands for."]
    secure = [origin for origin in cors.origins if _good_origin(origin) and origin.lower().startswith("https:")]
    ports = sorted({port for origin in cors.origins if (port := _local_port(origin))})
    other = [origin for origin in cors.origins if origin not in secure and origin != "*" and not _local_port(origin)]
    lines += [f"# Left out, for it is not encrypted or no whole origin: {_comment(origin)}" for origin in other]
    if "*" in cors.origins and cors.credentials:
        lines += ['# It allowed "*" with credentials, which lets every site read personal answers: name the origins.']
    elif "*" in cors.origins:
        secure = ["*"]
    lines += ["[cors]", f"origins = {_list(secure)}"]
    lines += [f"credentials = {'true' if cors.credentials else 'false'}"]
    if ports:
        lines += [
            "# Front-end development servers on localhost; read in development only.",
            f"development_ports = {ports}",
        ]
    return lines


def _notes(facts: AppFacts, name: str) -> list[str]:
    lines = []
    if facts.docs:
        lines += [
            "# FastAPI's own /docs loads scripts from elsewhere, which the CSP stops. In the application:",
            "#     from garrison.fastapi import docs; docs(app)",
        ]
    if facts.pages and name == "browser":
        lines += [
            '# Scripts and styles of pages need the nonce: <script nonce="{{ request.state.garrison.nonce }}">.',
            "# Forms need the CSRF token; scripts send it with the helper /.garrison/csrf.js (docs/layers/csrf.md).",
        ]
    if facts.websockets:
        where = ", ".join(map(_comment, facts.websockets))
        lines += [f"# WebSockets: {where}. Messages are limited by [websocket] (64 KB each, 600 a minute)."]
    return lines


def _uploads(facts: AppFacts) -> list[str]:
    if not facts.uploads:
        return []
    return [
        "# What `garrison.fastapi.UploadPolicy()` takes, and where it lies: outside of everything that is served.",
        "# The size of the whole body is bounded by the route class of the upload, below.",
        "# [uploads]",
        '# folder = "/var/lib/application/uploads"',
        '# allow = ["images", "texts"]',
        '# most = "5 MB"',
        '# scanner = "unix:/run/clamav/clamd.ctl"',
    ]


def _classes(facts: AppFacts, name: str) -> Iterator[list[str]]:
    """Route classes; the first that matches holds, so the narrow ones stand first and no path is named twice."""
    left = _Paths()
    if health := left.take(path for path in facts.health if "*" not in path):
        yield [
            "# Probes ask by IP address; only these paths answer them.",
            *_class("health", health, methods=("GET", "HEAD")),
            "health = true",
            "host.allow_ip = true",
        ]
    forms = set(facts.forms)
    if logins := left.take(facts.logins):
        lines = ["# Guessing passwords and making accounts is slow here.", *_class("login", logins, methods=("POST",))]
        lines += ['rate.address = ["20/minute burst 10", "200/hour"]']
        if name == "browser":
            lines += ['csrf.require = "always"  # also without cookies: against log-in CSRF']
        yield lines + (_types(name, [_FORMS]) if forms & set(logins) else [])
    if uploads := left.take(facts.uploads):
        lines = ["# Files may be larger than other bodies.", *_class("uploads", uploads)]
        yield [*lines, 'size.body = "20 MB"', *_types(name, [_MULTIPART])]
    if name == "api" and (rest := left.take(facts.forms)):
        yield ["# Forms, which this preset takes nowhere else.", *_class("forms", rest), *_types(name, [_FORMS])]
    if name == "api" and facts.docs_page and (pages := left.take((facts.docs_page, f"{facts.docs_page}/*"))):
        yield ["# The one page of this application: API documentation, with scripts.", *_class("docs", pages), *_DOCS]


def _class(name: str, paths: Sequence[str], methods: Sequence[str] = ()) -> list[str]:
    lines = ["[[routes]]", f"name = {_text(name)}", f"paths = {_list(paths)}"]
    return [*lines, f"methods = {_list(methods)}"] if methods else lines


def _types(name: str, wanted: Sequence[str]) -> list[str]:
    if name != "api":
        return []  # forms pass everywhere in the other presets
    return [f"content.types = {_list([*wanted, 'application/json'])}"]


class _Paths:
    """Patterns that can stand in a route class; none that an earlier class matches anyway."""

    def __init__(self) -> None:
        self._given: list[PathPattern] = []

    def take(self, paths: Iterable[str]) -> list[str]:
        good = [PathPattern(path) for path in dict.fromkeys(paths) if _good(compile_paths, path)]
        found = [one for one in good if not any(given.covers(one) for given in self._given)]
        self._given += found
        return [one.text for one in found]


def _good(parse: Callable[[Sequence[str]], object], text: str) -> bool:
    try:
        parse((text,))
    except ValueError:
        return False
    return True


def _good_origin(text: str) -> bool:
    try:
        configured_origin(text)
    except ValueError:
        return False
    return True


def _local_port(origin: str) -> int:
    if not _good_origin(origin):
        return 0
    parsed = configured_origin(origin)
    local = parsed.scheme == "http" and parsed.host in {"localhost", "127.0.0.1", "::1"}
    return parsed.port or 0 if local else 0


def _comment(text: str) -> str:
    """Somebody's text inside a comment: on one line, and nothing that TOML forbids there."""
    return "".join(character if character.isprintable() else "?" for character in text)


def _text(text: str) -> str:
    """A TOML basic string; JSON strings are those, except for DEL and lone surrogates."""
    plain = text.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, texts))}]"
