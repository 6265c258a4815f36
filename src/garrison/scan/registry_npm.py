"""What releases a package of npm has, from the registry that npm is configured for (its documented package metadata).

Threat: as for `index`, and the name of a private package, or a token, sent to a registry that it is not of. So npm
itself is asked which registry a scope has, and a token only goes below the address that the user's npmrc binds it to,
and not in clear. The project's npmrc may say where the user's is, and put variables into addresses: so npm is told
where it is, and given no variable with a secret.
Assumption: the dates of the registry. Lets pass: whether a release fits the project's version of Node.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from ..findings.inert import is_web_url
from .adapter import Limits
from .index import NoIndex, Release, fetch, shown
from .live import Live
from .process import run_bounded
from .versions import parse

_MEMORY: Final = 64_000
"""Megabytes of address space: Node reserves much more than it uses."""
_SCRIPTS: Final = ("preinstall", "install", "postinstall")
_TOKEN: Final = re.compile(r"^\s*(//\S+?)/?:_authToken\s*=\s*(\S+)\s*$", re.MULTILINE)
_ASKED: Final = re.compile(r"npm_config_(?:(?:@[\w.~-]+:)?registry|userconfig|globalconfig|prefix)", re.IGNORECASE)
"""The variables that say where packages are; others hold secrets."""
_NAMED: Final = re.compile(r"\$\{(\w+)\}")
_NAME: Final = re.compile(r"(?:@[\w~-][\w.~-]*/)?[\w~-][\w.~-]*", re.ASCII)
_FORGE: Final = re.compile(
    r"(?:(?:git\+)?(?:https|git|ssh)://(?:git@)?|git@)?(github|gitlab)(?:\.com)?[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


@dataclass(frozen=True, slots=True)
class Registries:
    """Which registry has which scope (`""`: all others), and tokens by the address that they are for."""

    by_scope: Mapping[str, str]
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)

    def of(self, name: str) -> str:
        """The registry of a package."""
        scope = name.partition("/")[0] if name.startswith("@") else ""
        return self.by_scope.get(scope, self.by_scope[""])

    def token(self, address: str) -> str:
        """The token for requests below an address; the longest that fits, as npm chooses it. None goes in clear."""
        if not address.startswith("https:") and not Live(address).is_loopback:
            return ""
        place = re.sub(r"^https?:", "", address).rstrip("/") + "/"
        fit = [one for one in self.tokens if place.startswith(f"{one.rstrip('/')}/")]
        return self.tokens[max(fit, key=len)] if fit else ""


def registries_of_npm(folder: Path) -> Registries:
    """What npm would ask for the project in `folder`. Raises `NoIndex`."""
    program = shutil.which("npm")
    if program is None:
        raise NoIndex("npm is not installed, so its registry is not known.", remedy="Name one: --registry URL.")
    given = {name.lower(): value for name, value in os.environ.items() if _ASKED.fullmatch(name)}
    mine = Path(given.get("npm_config_userconfig") or Path.home() / ".npmrc")
    command = [program, "config", "list", "--json", f"--userconfig={mine}"]
    ended = run_bounded(command, folder, Limits(60, _MEMORY), extra=given)
    if why := ended.crash(0):
        raise NoIndex(f"npm does not tell its registry: {why}", remedy="Name one: --registry URL.")
    try:
        said = json.loads(ended.output)
        scopes = {key.partition(":")[0]: str(value) for key, value in said.items() if key.endswith(":registry")}
        return Registries({**scopes, "": str(said["registry"])}, _tokens(mine))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise NoIndex(f"npm does not tell its registry ({type(error).__name__})", remedy="Name one: --registry URL.")\
            from None  # fmt: skip


def releases_of_npm(registries: Registries, name: str, seconds: float = 20) -> tuple[list[Release], str]:
    """All releases of a package, oldest first, and where its changes are told. Raises `NoIndex` with the reason."""
    if not _NAME.fullmatch(name):
        raise NoIndex("it is no name of a package")
    address = registries.of(name)
    token = registries.token(address)
    headers = {"Accept": "application/json"}
    content = fetch(address, quote(name, safe="@"), headers, f"Bearer {token}" if token else "", seconds)[1]
    try:
        data = json.loads(content)
        return _releases(data), _changelog(data)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NoIndex(f"{shown(address)} answered something else ({type(error).__name__})") from None


def _releases(data: dict[str, Any]) -> list[Release]:
    times = data.get("time") or {}
    found = []
    for version, one in data["versions"].items():
        if not _is_version(version):
            continue  # from before npm held to Semantic Versioning: `1.0.0beta`
        scripts = one.get("scripts") or {}
        found.append(
            Release(
                version,
                datetime.fromisoformat(times[version]) if version in times else None,
                "",
                wheel=True,
                deprecated=str(one["deprecated"] or "no reason given") if one.get("deprecated") else "",
                scripts=any(scripts.get(script) for script in _SCRIPTS) or bool(one.get("hasInstallScript")),
            )
        )
    # What has a date and no files was taken out: "unpublished" (docs of npm, "unpublish").
    gone = [one for one in times if one not in data["versions"] and _is_version(one)]
    found += [Release(one, datetime.fromisoformat(times[one]), "taken out of the registry", wheel=True) for one in gone]
    if not found:
        raise ValueError("no release")
    return sorted(found, key=lambda one: parse(one.version, "npm"))


def _is_version(text: str) -> bool:
    try:
        parse(text, "npm")
    except ValueError:
        return False
    return True


def _changelog(data: dict[str, Any]) -> str:
    """npm has no field for it: the releases at the two forges that have such a page, else the project's own page."""
    last = data["versions"].get((data.get("dist-tags") or {}).get("latest", ""), {})
    told = last.get("repository") or data.get("repository") or ""
    url = str(told.get("url", "") if isinstance(told, dict) else told)
    if match := _FORGE.fullmatch(url):
        page = f"https://{match[1]}.com/{match[2]}"
        return f"{page}/releases" if match[1] == "github" else f"{page}/-/releases"
    home = str(last.get("homepage") or data.get("homepage") or "")
    return home if is_web_url(home) and urlsplit(home).scheme == "https" else ""


def _tokens(file: Path) -> dict[str, str]:
    """The tokens of the user's npmrc, as npm reads them: `${NAME}` stands for a variable."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError:
        return {}
    return {
        place: _NAMED.sub(lambda one: os.environ.get(one[1], one[0]), value) for place, value in _TOKEN.findall(text)
    }
