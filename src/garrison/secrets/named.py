"""The application's secrets by name: resolved at the start, kept current, and handed out by need.

    secrets = open_secrets()                       # reads [secrets] of the policy
    engine = create_engine(secrets.get("db.dsn").reveal())
    mailer = Mailer(secrets.view("mailer"))        # sees what [secrets.needs] gives it
    secrets.on_change("db.dsn", reconnect)
    app = harden(app, secrets=secrets)             # reads the sources again every `refresh`

Threat: one component's hole (a template, a parser, a plug-in) reads every secret of the application; a secret that
leaked can't be replaced without a restart, and so is not. A source that is away at the start stops the start; later
the last good value holds, and an event says so.

Lets pass: code in this process that goes around its view. Python has no walls inside a process: views keep honest code
from having too much, and show in events when something reaches further. For a wall, use a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from ..core.errors import GarrisonError, OperatorError
from ..core.ports import Emit, silent
from ..policy.held import environment
from ..policy.load import find_policy
from ..policy.model import Policy
from ..policy.needs import covered
from ..policy.section_secrets import SecretsSection
from .errors import SecretDenied, SecretsUnresolved, SecretUnknown
from .listeners import Changed, Listeners
from .outage import Outage
from .resolver import Resolver
from .secret import Secret
from .transit import TransitKey, open_key

Judge = Callable[[str, Secret[str]], GarrisonError | None]
"""Why a value must not be put to use, if it must not; asked with each reading, so it is quick."""
Reading = tuple[dict[str, Secret[str]], dict[str, GarrisonError]]


class Secrets:
    """The values of `[secrets.named]`. `section` is what the policy says about them. Never shows or pickles a value."""

    def __init__(self, section: SecretsSection, resolver: Resolver) -> None:
        """Reads everything once; blocks. Raises `SecretsUnresolved`, with all that is wrong at once."""
        self.section = section
        self.resolver = resolver
        self._listeners = Listeners()
        self._emit: Emit = silent
        self._outage = Outage("secrets")
        self.judge: Judge = lambda name, value: None
        self._values, failed = self.read()
        if failed:
            raise SecretsUnresolved({f"secrets.named.{name}": error for name, error in failed.items()})

    def get(self, name: str) -> Secret[str]:
        """The secret now. A look into a dictionary: it never waits for a source. Raises `SecretUnknown`."""
        try:
            return self._values[name]
        except KeyError:
            raise SecretUnknown(name, self._values) from None

    def get_all(self, *names: str) -> tuple[Secret[str], ...]:
        """These secrets as they are at one moment: a user with its own password. Raises `SecretUnknown`."""
        values = self._values
        for name in names:
            if name not in values:
                raise SecretUnknown(name, values)
        return tuple(values[name] for name in names)

    def view(self, component: str) -> View:
        """What `component` may have. Raises OperatorError when the policy gives it nothing."""
        if component not in self.section.needs:
            raise OperatorError(
                f"The policy gives the component {component!r} no secrets.",
                remedy=f'Write [secrets.needs] {component} = ["…"] with the names it needs.',
            )
        return View(self, component, covered(self.section.needs[component], self.section.named))

    def transit(self, name: str) -> TransitKey:
        """A key of the transit engine, as `[vault.transit]` allows. Blocks. Raises `TransitRefused`, `SourceAway`."""
        return open_key(self.resolver.vault, name, lambda *given, **details: self._emit(*given, **details))

    def on_change(self, name: str, changed: Changed) -> None:
        """Call `changed(new secret)` whenever the value of `name` has changed. Raises `SecretUnknown`.

        It is called on the event loop (or by `refresh`), must not block, and may keep the old value for what is still
        in progress. An error it raises is recorded, and the others are still called. An `async def` has let go of the
        old value when it ends; a leased one is not given back before.
        """
        self.get(name)
        self._listeners.add(name, changed)

    def refresh(self) -> Sequence[str]:
        """Read all sources again, and put what has changed to use; the names of that. Blocks."""
        return self.put_to_use(self.read())

    def read(self) -> Reading:
        """What the sources say now; nothing is changed by it. Blocks, so call it in a thread."""
        found, failed = self.resolver.read_all(self.section.named)
        refused = {name: error for name, value in found.items() if (error := self.judge(name, value))}
        return {name: value for name, value in found.items() if name not in refused}, {**failed, **refused}

    def put_to_use(self, reading: Reading) -> Sequence[str]:
        """Replace values by those of `reading`, tell who listens, and record it. A value that can't be had stays."""
        found, failed = reading
        changed = [name for name, value in found.items() if value != self._values[name]]
        self._values = {**self._values, **found}  # one assignment: nobody sees half of it
        for name in changed:
            self._emit("secret_rotated", name=name)
        self.resolver.told(self._listeners.tell({name: self._values[name] for name in changed}, self._emit))
        self._outage.tell(self._emit, failed)
        return changed

    def close(self) -> None:
        """End what was begun: leases are given back, a log-in's token is revoked. Blocks; never raises."""
        self.resolver.close()

    def due(self) -> float:
        """Seconds until everything has to be read again because a lease wants it; infinite for never."""
        return self.resolver.due()

    def attach(self, emit: Emit) -> None:
        """Record events with `emit` from now on."""
        self._emit = emit
        self.resolver.attach(emit)

    def deny(self, component: str, name: str) -> NoReturn:
        """Record that `component` reached for a secret that is not its own. Raises `SecretDenied`."""
        self._emit("secret_denied", component=component, name=name[:128])
        raise SecretDenied(component, name)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("secrets can't be pickled or copied")

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values))})"


class View:
    """The secrets of one component. `names` are those it may have; `component` is whose it is."""

    __slots__ = ("__secrets", "component", "names")

    def __init__(self, secrets: Secrets, component: str, names: frozenset[str]) -> None:
        self.__secrets = secrets
        self.component = component
        self.names = names

    def get(self, name: str) -> Secret[str]:
        """The secret now. Raises `SecretDenied`, with an event, for what is not the component's (or not there)."""
        if name not in self.names:
            self.__secrets.deny(self.component, name)
        return self.__secrets.get(name)

    def get_all(self, *names: str) -> tuple[Secret[str], ...]:
        """As `Secrets.get_all`. Raises `SecretDenied`."""
        for name in names:
            if name not in self.names:
                self.__secrets.deny(self.component, name)
        return self.__secrets.get_all(*names)

    def on_change(self, name: str, changed: Changed) -> None:
        """As `Secrets.on_change`. Raises `SecretDenied`."""
        if name not in self.names:
            self.__secrets.deny(self.component, name)
        self.__secrets.on_change(name, changed)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a view of secrets can't be pickled or copied")

    def __repr__(self) -> str:
        return f"View({self.component}: {', '.join(sorted(self.names))})"


def open_secrets(policy: Policy | str | Path | None = None, environ: Mapping[str, str] | None = None) -> Secrets:
    """The secrets of `policy` (found as `harden` finds it), all read once. Blocks: call it at the start.

    Raises `SecretsUnresolved`, and what loading a policy raises.
    """
    environ = environment() if environ is None else environ
    found = find_policy(policy, environ)
    return Secrets(found.secrets, Resolver.from_policy(found, environ, opens=True))
