"""From all places to one checked configuration, or to everything that is wrong with it.

Strongest first: command line, variables (`SHOP_DB__DSN`), secret folders (`$CREDENTIALS_DIRECTORY`, `secrets_dir`), the
environment's own table of the file (`[environments.staging]`), the file, the schema's defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from pydantic import ValidationError

from ..core.errors import GarrisonError
from ..policy.held import environment
from ..policy.load import find_policy
from ..policy.model import Policy
from ..policy.problems import Problem
from ..policy.reference import SCHEMES, is_reference, parse_reference
from ..policy.source import DEFAULT, Kind, Source, find_source, leaves
from ..secrets.errors import SecretRefused
from ..secrets.resolver import Resolver
from ..secrets.secret import Secret
from .judge import judge
from .keys import Key, at
from .model import Config
from .problems import ConfigInvalid, problems_of, suggest
from .sources import (
    CREDENTIALS,
    ENVIRONMENTS,
    Read,
    from_command_line,
    from_file,
    from_folder,
    from_variables,
    merged,
    unknown_variables,
)

C = TypeVar("C", bound=Config)
Resolve = Callable[[Mapping[str, str]], tuple[dict[str, Secret[str]], dict[str, GarrisonError]]]
_USUAL: Final = ("production", "development")


@dataclass(frozen=True, slots=True)
class Gathered:
    """Values before they are resolved and validated, who set each key, and what is wrong so far."""

    values: Mapping[str, Any]
    places: Mapping[str, Source]
    problems: Sequence[Problem] = ()
    literal: frozenset[str] = field(default_factory=frozenset)
    environment: str = "production"

    def source(self, key: str) -> Source:
        return find_source(self.places, key) or DEFAULT


def load_config(
    schema: type[C],
    argv: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    policy: Policy | str | Path | None = None,
    resolve: Resolve | None = None,
) -> C:
    """The configuration of this process. Blocks while references are resolved: call it at the start.

    argv     options such as `--db.pool 5`, without the program's name; secrets are refused there
    environ  variables; those of the process when left out
    policy   whose `[vault]` and `[secrets]` resolve references; found as `harden` finds it
    resolve  what resolves references, for tests and sources of one's own

    Raises `ConfigInvalid` with all problems at once; no message has a value in it.
    """
    environ = environment() if environ is None else environ
    with ByPolicy(policy, environ, keeps=False) as own:
        loaded = _load(schema, argv, environ, resolve or own)
    del argv, environ, policy, resolve, own  # a crash report with local names would show what they hold
    if isinstance(loaded, ConfigInvalid):
        raise loaded
    return loaded


def _load(schema: type[C], argv: Sequence[str], environ: Mapping[str, str], resolve: Resolve) -> C | ConfigInvalid:
    keys = schema.every_key()
    found = gather(schema, argv, environ)
    values, references, unresolved = _resolved(found, keys, resolve)
    problems = [*found.problems, *_unknown(schema, environ, keys, references), *unresolved]
    told = {problem.key for problem in problems}
    config = None
    try:
        config = schema.model_validate(values)
    except ValidationError as error:
        names, required = [key.name for key in keys], [key.name for key in keys if key.required]
        secrets = [text for key in keys if key.secret and isinstance(text := _text(at(values, key.path)), str)]
        wrong = [one for one in problems_of(error, names, required, secrets) if one.key not in told]
        problems += [_placed(schema, found, keys, one) for one in wrong]
    told |= {problem.key for problem in problems}
    judged = judge(keys, values, found.environment, environ, found.source, references)
    problems += [one for one in judged if one.key not in told]
    if problems or config is None:
        return ConfigInvalid(sorted(problems, key=lambda one: one.key))
    config._sources, config._references = found.places, references
    return config


def look_at_config(schema: type[C], policy: Policy | str | Path | None = None) -> C:
    """The configuration as the application would read it, to be shown or judged: its leases have ended. Raises as
    `load_config`."""
    with ByPolicy(policy, environment(), opens=False) as own:
        return load_config(schema, resolve=own)


def gather(schema: type[Config], argv: Sequence[str], environ: Mapping[str, str], environment: str = "") -> Gathered:
    """What all places say; `environment` instead of the one that they name. References are not resolved."""
    prefix = schema.model_config.get("env_prefix", "")
    reads = [from_command_line(schema, argv)] if argv else []
    reads.append(from_variables(schema, environ, prefix))
    reads += [from_folder(schema, folder, prefix) for folder in _folders(schema, environ)]
    files = [from_file(Path(path)) for path in _paths(schema.model_config.get("toml_file"))]
    own, over = [own for own, _ in files], [over for _, over in files]
    named = environment or str(merged([*reads, *own]).get("environment") or "production")
    all_names = {name for one in over for name in one}
    problems = [*_misspelt(schema, over)]
    if all_names and named not in all_names and named not in _USUAL:
        fix = f"It has {', '.join(sorted(all_names))}."
        problems.append(Problem("environment", f"the file has no table for it in [{ENVIRONMENTS}].", fix=fix))
    reads += [*(one[named] for one in over if named in one), *own]
    places: dict[str, Source] = {}
    literal: dict[str, bool] = {}
    for read in reads:
        for key in leaves(read.values):
            places.setdefault(key, _narrow(read, key))
            literal.setdefault(key, read.literal)
        problems += read.problems
    values = {**merged(reads), "environment": named}
    return Gathered(values, places, problems, frozenset(key for key, is_so in literal.items() if is_so), named)


def _narrow(read: Read, key: str) -> Source:
    """The source of `key` in one place, or of what it is a part of."""
    whole = key
    while key not in read.places and "." in key:
        key = key.rpartition(".")[0]
    return read.places.get(key) or next((one for name, one in read.places.items() if name.startswith(whole)), DEFAULT)


def _folders(schema: type[Config], environ: Mapping[str, str]) -> Iterator[Path]:
    if credentials := environ.get(CREDENTIALS):
        yield Path(credentials)
    yield from (Path(path) for path in _paths(schema.model_config.get("secrets_dir")))


def _paths(written: Any) -> Sequence[Any]:
    if not written:
        return ()
    return written if isinstance(written, (list, tuple)) else (written,)


def _misspelt(schema: type[Config], over: Sequence[Mapping[str, Read]]) -> Iterator[Problem]:
    """Unknown keys in the tables of environments that are not this one: they would be found in production first."""
    known = [key.name for key in schema.every_key()]
    for one in over:
        for name, read in one.items():
            for leaf in leaves(read.values):
                if not any(leaf == key or leaf.startswith(f"{key}.") for key in known):
                    key = f"{ENVIRONMENTS}.{name}.{leaf}"
                    yield Problem(key, "unknown key.", _narrow(read, leaf), suggest(leaf, known))


def _unknown(
    schema: type[Config], environ: Mapping[str, str], keys: Sequence[Key], references: Mapping[str, str]
) -> Iterator[Problem]:
    """Variables with our prefix that set nothing, without those that a reference names."""
    known = [key.name for key in keys]
    parsed = (parse_reference(reference) for reference in references.values())
    spare = {reference.name for reference in parsed if reference.scheme == "env"}
    for key, name in unknown_variables(environ, schema.model_config.get("env_prefix", ""), known):
        if name not in spare:
            yield Problem(key, "no key has this name.", Source(Kind.ENVIRONMENT, name), suggest(key, known))


def _resolved(
    found: Gathered, keys: Sequence[Key], resolve: Resolve
) -> tuple[dict[str, Any], dict[str, str], list[Problem]]:
    """Values with secrets in the place of references; the references; and what can't be had or is none."""
    references: dict[str, str] = {}
    problems = []
    for key in keys:
        text = at(found.values, key.path)
        if not isinstance(text, str) or key.name in found.literal:
            continue
        if key.secret and is_reference(text):
            references[key.name] = text
        elif key.secret and text.partition(":")[0] in SCHEMES:
            problems.append(Problem(key.name, "a malformed reference.", found.source(key.name), _HOW))
        elif is_reference(text) and text.partition(":")[0] in {"vault", "lease", "sealed", "aws-sm", "aws-ssm"}:
            problems.append(
                Problem(key.name, "a reference in a key that is not secret.", found.source(key.name), _TYPE)
            )
    secrets, failed = resolve(references)
    problems += [Problem(key, error.message, found.source(key), error.remedy) for key, error in failed.items()]
    values = _copied(found.values)
    for name in references:
        *way, last = name.split(".")
        table = at(values, tuple(way)) if way else values
        table[last] = secrets.get(name, Secret("unresolved"))
    return values, references, problems


_HOW: Final = "docs/secrets/index.md has the references that there are."
_TYPE: Final = "Declare it as SecretText; it would be taken as it stands."


def _copied(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in values.items()}


class ByPolicy:
    """Resolves references as a policy says. Nothing is read, and no log-in made, before there is a reference.

    `keeps` says that it lives as long as what was read: otherwise a lease, which ends with it, is refused.
    `opens` as for `Resolver.from_policy`.
    """

    def __init__(
        self,
        policy: Policy | str | Path | None,
        environ: Mapping[str, str],
        *,
        keeps: bool = True,
        opens: bool = True,
    ) -> None:
        self._policy = policy
        self._environ = environ
        self._keeps = keeps
        self._opens = opens
        self._resolver: Resolver | None = None

    def __call__(self, references: Mapping[str, str]) -> tuple[dict[str, Secret[str]], dict[str, GarrisonError]]:
        if not references:
            return {}, {}
        if self._resolver is None:
            found_policy = find_policy(self._policy, self._environ)
            self._resolver = Resolver.from_policy(found_policy, self._environ, opens=self._opens)
        leased = {key for key, text in references.items() if text.startswith("lease:") and not self._keeps}
        found, failed = self._resolver.read_all({key: text for key, text in references.items() if key not in leased})
        return found, {**failed, **{key: SecretRefused(references[key], _UNKEPT, _KEEP) for key in leased}}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def due(self) -> float:
        """Seconds until all has to be read again because a lease wants it; infinite for never."""
        return float("inf") if self._resolver is None else self._resolver.due()

    def told(self, busy: Callable[[], bool]) -> None:
        """Users of what was replaced have been told, and may still be `busy` with it."""
        if self._resolver is not None:
            self._resolver.told(busy)

    def close(self) -> None:
        """End leases and log-ins. Blocks; never raises."""
        if self._resolver is not None:
            self._resolver.close()


_UNKEPT: Final = "its lease ends, and nothing renews it"
_KEEP: Final = "Read the configuration with garrison.config.Live, and keep it current."


def _text(value: object) -> object:
    return value.reveal() if isinstance(value, Secret) else value


def _placed(schema: type[Config], found: Gathered, keys: Sequence[Key], problem: Problem) -> Problem:
    """With the place of the wrong value; where one is missing, with the places it could stand."""
    key = next((key for key in keys if key.name == problem.key), None)
    source = find_source(found.places, problem.key)
    if key is None or source is not None:
        return replace(problem, source=source)
    return replace(problem, fix=f"Set it: {key.variable(schema.model_config.get('env_prefix', ''))}=….")
