"""The places that values come from, each read into nested values: command line, variables, secret folders, files.

pydantic-settings reads variables and the command line. What can't be read as its key wants is left as text, so that
validation refuses it along with everything else that is wrong, instead of stopping at the first.

Threat: a folder that somebody else can write, a secret on a command line (other users see it), a value that is an
environment's of another program. Lets pass: whoever sets this process's variables sets its configuration.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_settings import CliSettingsSource, EnvSettingsSource
from pydantic_settings.exceptions import SettingsError

from ..policy.places import find_lines
from ..policy.presets import merge
from ..policy.problems import Problem
from ..policy.source import Kind, Source, leaves
from ..secrets.errors import SecretError
from ..secrets.mounted import names_in, read_mounted
from .model import DELIMITER, Config

ENVIRONMENTS: Final = "environments"
"""The table of a file whose tables are laid over the rest, one for each environment."""
CREDENTIALS: Final = "CREDENTIALS_DIRECTORY"
"""Where systemd says the folder of a unit's credentials is."""
_MOST: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Read:
    """What one place says. `places` has the source of each dotted key, and `literal` whether secrets in it are meant
    as they stand: a mounted file is the secret itself, and no reference to one."""

    values: Mapping[str, Any]
    places: Mapping[str, Source] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    literal: bool = False


class _Variables(EnvSettingsSource):
    """Variables given as a mapping, with lists separated by commas as well as in JSON."""

    def __init__(self, schema: type[Config], environ: Mapping[str, str], prefix: str) -> None:
        self._given = {name.lower(): value for name, value in environ.items() if value}
        super().__init__(schema, case_sensitive=False, env_prefix=prefix, env_nested_delimiter=DELIMITER)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return dict(self._given)

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except (ValueError, RecursionError):
            text = str(value).strip()
            return value if text[:1] in {"[", "{"} else [part.strip() for part in text.split(",") if part.strip()]


def from_variables(schema: type[Config], environ: Mapping[str, str], prefix: str) -> Read:
    """Variables with the prefix. `GARRISON_ENVIRONMENT` counts where there is none for `environment`."""
    known = [key.name for key in schema.every_key()]
    ours = {name: text for name, text in environ.items() if name.upper().startswith(prefix.upper())}
    own = {name: text for name, text in ours.items() if sets_something(dotted(name, prefix), known)}
    values = dict(_Variables(schema, own, prefix)())
    places = {dotted(name, prefix): Source(Kind.ENVIRONMENT, name) for name in own}
    if "environment" not in values and (shared := environ.get("GARRISON_ENVIRONMENT")):
        values["environment"] = shared
        places["environment"] = Source(Kind.ENVIRONMENT, "GARRISON_ENVIRONMENT")
    twice = [name for name in own if name != name.upper() and name.upper() in own]
    problems = [Problem(dotted(one, prefix), "two variables set it.", Source(Kind.ENVIRONMENT, one)) for one in twice]
    return Read(values, places, problems)


def unknown_variables(environ: Mapping[str, str], prefix: str, known: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Variables with the prefix that set nothing: their key as it would be, and their name."""
    for name in sorted(environ):
        if name.upper().startswith(prefix.upper()):
            key = dotted(name, prefix)
            if not sets_something(key, known):
                yield key, name


def sets_something(key: str, known: Sequence[str]) -> bool:
    """Whether `key` is a key, a section of keys, or a part of a key that holds a table."""
    return any(key == one or key.startswith(f"{one}.") or one.startswith(f"{key}.") for one in known)


def dotted(name: str, prefix: str) -> str:
    """`SHOP_DB__DSN` as `db.dsn`."""
    return name[len(prefix) :].lower().replace(DELIMITER, ".")


def from_folder(schema: type[Config], folder: Path, prefix: str) -> Read:
    """Files named like a key (`db.dsn`, `db__dsn`, or with the prefix) of a mounted folder; others are not ours."""
    keys = {key.name for key in schema.every_key()}
    found: dict[str, str] = {}
    places: dict[str, Source] = {}
    problems: list[Problem] = []
    try:
        names = names_in(folder)
    except SecretError as error:
        return Read({}, problems=[_refused("configuration", folder, error)])
    for name in names:
        with_prefix = name.lower().startswith(prefix.lower())
        key = dotted(name, prefix if with_prefix else "")
        if key not in keys:
            if with_prefix:
                problems.append(Problem(key, "a file for an unknown key.", Source(Kind.FILE, path=folder / name)))
            continue
        if key in places:
            problems.append(Problem(key, "two files set it.", Source(Kind.FILE, path=folder / name)))
            continue
        places[key] = Source(Kind.FILE, path=folder / name)
        try:
            found[key.replace(".", DELIMITER)] = read_mounted(folder, name).reveal()
        except SecretError as error:
            problems.append(_refused(key, folder / name, error))
    return Read(_Variables(schema, found, "")(), places, problems, literal=True)


def _refused(key: str, path: Path, error: SecretError) -> Problem:
    return Problem(key, error.message, Source(Kind.FILE, path=path), error.remedy)


class _Words(CliSettingsSource[Any]):
    def _help_format(self, *args: Any, **named: Any) -> str:
        """Nothing: the library would put defaults into it, and one that is a secret does not turn into text."""
        return ""


def from_command_line(schema: type[Config], words: Sequence[str]) -> Read:
    """`--db.pool 5`. What the parser says of words it does not know may quote them, and is not repeated."""
    given = [re.sub(r"^--(\w)(?==|$)", r"-\1", word) for word in words]  # the library's way with names of one letter
    try:
        with redirect_stderr(StringIO()):
            source = _Words(
                schema, cli_parse_args=given, cli_exit_on_error=False, cli_prog_name="", cli_avoid_json=True
            )
            values = dict(source())
    except (SettingsError, ValueError):
        names = ", ".join(word.partition("=")[0] for word in words if word.startswith("--"))
        where = Source(Kind.ARGUMENT, names)
        return Read({}, problems=[Problem("configuration", "an option is unknown, or has no value.", where)])
    return Read(values, {key: Source(Kind.ARGUMENT, f"--{key}") for key in leaves(values)})


def from_file(path: Path) -> tuple[Read, Mapping[str, Read]]:
    """A TOML file: what holds everywhere, and what `[environments.NAME]` lays over it."""
    try:
        with path.open("rb") as file:
            content = file.read(_MOST + 1)
        text = content.decode("utf-8-sig")
        values = tomllib.loads(text)
    except FileNotFoundError:
        return _unreadable(path, "it is not there"), {}
    except OSError as error:
        return _unreadable(path, error.strerror or "it can't be opened"), {}
    except (ValueError, RecursionError) as error:  # the parser's own words may quote a value: its place is enough
        place = re.search(r"\(at line \d+, column \d+\)", str(error))
        return _unreadable(path, f"it is not valid TOML in UTF-8 {place[0] if place else ''}".rstrip()), {}
    if len(content) > _MOST:
        return _unreadable(path, "it is larger than 1 MB"), {}
    over = values.pop(ENVIRONMENTS, {})
    if not isinstance(over, dict) or not all(isinstance(one, dict) for one in over.values()):
        return _unreadable(path, f"`{ENVIRONMENTS}` is not a table of tables"), {}
    lines = find_lines(text)
    return _in_file(path, values, lines, ""), {
        name: _in_file(path, one, lines, f"{ENVIRONMENTS}.{name}.") for name, one in over.items()
    }


def _in_file(path: Path, values: Mapping[str, Any], lines: Mapping[str, int], before: str) -> Read:
    def line(key: str) -> int | None:
        while key and before + key not in lines:
            key = key.rpartition(".")[0]
        return lines.get(before + key)

    return Read(values, {key: Source(Kind.FILE, path=path, line=line(key)) for key in leaves(values)})


def _unreadable(path: Path, why: str) -> Read:
    source = Source(Kind.FILE, path=path)
    return Read({}, problems=[Problem("configuration", f"the file can't be used: {why}.", source)])


def merged(reads: Sequence[Read]) -> dict[str, Any]:
    """Values of all places, the strongest first in `reads`."""
    values: dict[str, Any] = {}
    for read in reversed(reads):
        values = merge(values, read.values)
    return values
