"""A session with Vault or OpenBao: logged in when it is first needed, its token renewed, every failure named.

Threat: a server that is not ours is given our token (so TLS is verified, redirects are not followed, and neither
proxies nor authorities from the environment are taken); a token that outlives its use (it is revoked at the end).
Assumption: hvac over requests, called in threads. Lets pass: whoever has the token, until it ends.
"""

from __future__ import annotations

import importlib
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, Final, TypeVar

from ..core.errors import GarrisonError
from ..policy.section_vault import VaultSection
from .errors import NotPermitted, SecretMissing, SecretRefused, SourceAway
from .secret import Secret
from .wrapping import Unwrapping

T = TypeVar("T")
_CONNECTIONS: Final = 32
NAMES: Final = {"token": "token", "approle": "AppRole", "jwt": "JWT", "kubernetes": "Kubernetes"}
"""What the ways to log in are called."""
_RENEW_AT: Final = 0.5
"""A token is renewed when this part of its life is over: what is left bears some failures."""
_AGAIN: Final = 1.0
"""Seconds, at least, until a renewal that failed is tried again."""
_WORTH: Final = 0.9
"""A renewal that gives less than this part of the first life was cut short by the longest life: log in anew, while the
old token and what hangs on it are still good."""


class Vault:
    """One server, one log-in. `credential` gives what the policy's references stand for, whenever it is needed."""

    def __init__(
        self,
        section: VaultSection,
        credential: Callable[[str], Secret[str]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.section = section
        self.place = f"the server {section.address}"
        self._credential = credential
        self.unwrapping: Unwrapping | None = None
        self._monotonic = monotonic
        self._lock = Lock()
        self._client: Any = None
        self._process = os.getpid()
        self._left: deque[Any] = deque(maxlen=4)
        self._life = 0.0
        self.trouble = ""
        """Why the log-in in use has no successor, as long as it needs one: what hangs on it ends with it."""
        self._renew_at = float("inf")
        self._ends_at = float("inf")

    def open_with(self, state: Path, *, opens: bool) -> None:
        """Take what the policy says to unwrap out of its wrapping token; `opens` as for `Unwrapping`."""
        if self.section.unwrap:
            made = Unwrapping(self.section, self._credential, self._connect, self.ask, state, opens=opens)
            self._credential = self.unwrapping = made

    def read(self, mount: str, path: str) -> Mapping[str, Any]:
        """The fields of a secret of the key-value engine, newest version. Raises `SecretError` and `SourceAway`."""
        return self.logged_in(lambda client: self._fields(client, mount, path))

    def logged_in(self, call: Callable[[Any], T]) -> T:
        """`call` with a client that is logged in; once more with a new log-in when the old one is no longer good.
        Raises as `call` and as `read`."""
        client = self.client()
        try:
            return call(client)
        except NotPermitted:
            # The token may have been revoked, or have ended while the machine slept. One that is good was refused for
            # good: logging in for each refusal would fill the server with tokens. One that was given is replaced when
            # there is another in its place.
            if self._is_good(client) or (self.section.auth == "token" and not self._was_replaced(client)):
                raise
        return call(self.client(instead_of=client))

    def due(self) -> float:
        """When the token is to be renewed, on the clock `monotonic`."""
        return self._renew_at

    def client(self, instead_of: object = None) -> Any:
        """An hvac client that is logged in; a new one when the last is `instead_of`. Raises as `read`."""
        with self._lock:
            if self._process != os.getpid():  # a forked worker: the log-in it inherited is its parent's to end
                self._client, self._process = None, os.getpid()
                self._left.clear()
            if self._client is not None and self._client is not instead_of:
                self._keep()
            if self._client is None or self._client is instead_of:
                self._client = self._log_in()
            return self._client

    def ask(self, what: str, call: Callable[[], Any], policy: str = "") -> Any:
        """The answer of `call`, every failure of it as one of ours. `policy` is the line that a refusal may lack."""
        errors, requests = importlib.import_module("hvac.exceptions"), importlib.import_module("requests")
        try:
            return call()
        except (errors.Forbidden, errors.Unauthorized):
            remedy = f"Its policy lacks: {policy}" if policy else "Log in with a token that is still good."
            raise NotPermitted(what, "permission is denied by the server", remedy) from None
        except (errors.InvalidPath, errors.UnsupportedOperation):
            raise SecretMissing(
                what, "Write it there, or correct the mount and path; a deleted version counts."
            ) from None
        except (errors.InvalidRequest, errors.ParamValidationError):
            raise SecretRefused(
                what, "the server does not take the request", "See `garrison secrets doctor`."
            ) from None
        except errors.InternalServerError:
            raise SourceAway(
                self.place, f"it failed at {what}", "See its log: for credentials, whether it reaches their database."
            ) from None
        except errors.VaultDown:
            raise SourceAway(self.place, "it is sealed", "Unseal it: `bao operator unseal`.") from None
        except requests.exceptions.SSLError:
            raise SourceAway(
                self.place,
                "its certificate is not trusted",
                "Name the authority in `vault.ca`, or mend the certificate.",
            ) from None
        except requests.exceptions.Timeout:
            raise SourceAway(
                self.place, f"no answer within {self.section.timeout:g} s", "See whether the server is up."
            ) from None
        except (requests.exceptions.RequestException, errors.VaultError, ValueError, KeyError, TypeError) as error:
            # Its kind only: the text of an answer that was not understood may hold anything.
            raise SourceAway(
                self.place, f"it can't be reached ({type(error).__name__})", "See whether it is up."
            ) from None

    def steps(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """What has to work before a secret can be read, in that order. Each raises as `read`."""
        yield f"{self.place} answers and is unsealed", self._unsealed
        if self.unwrapping is not None:
            yield "the wrapping token is good", self.unwrapping.look
            return  # it opens once, and not for a look
        yield f"the log-in by {self.section.auth}", self.client

    def _unsealed(self) -> None:
        client = self._connect()
        if self.ask("the seal status", lambda: client.sys.read_seal_status()["sealed"]):
            raise SourceAway(self.place, "it is sealed", "Unseal it: `bao operator unseal`.")

    def close(self) -> None:
        """Revoke the token of a log-in; one that the operator gave stays. Never raises."""
        with self._lock:
            clients, self._client = [*self._left, self._client], None
            self._left.clear()
        if self.section.auth == "token" or self._process != os.getpid():
            return
        for client in clients:
            try:
                if client is not None:
                    self.ask("the token", client.auth.token.revoke_self)
            except (SecretRefused, SecretMissing):
                continue  # it has ended
            except SourceAway:
                return  # they end by themselves

    def _was_replaced(self, client: Any) -> bool:
        try:
            return self._credential(self.section.token) != Secret(client.token)
        except GarrisonError:
            return False  # what can't be read now is no successor

    def _is_good(self, client: Any) -> bool:
        try:
            self.ask("the token", client.auth.token.lookup_self)
        except SecretRefused:
            return False
        return True

    def _fields(self, client: Any, mount: str, path: str) -> Mapping[str, Any]:
        what = f"vault://{mount}/{path}"
        kv = client.secrets.kv.v2
        answer = self.ask(
            what,
            lambda: kv.read_secret_version(path, mount_point=mount, raise_on_deleted_version=True)["data"]["data"],
            read_line(mount, path),
        )
        if not isinstance(answer, Mapping):
            raise SecretMissing(what, "Its newest version was deleted; write a new one.")
        return answer

    def _keep(self) -> None:
        """Renew the token when it is time; a log-in that can't be renewed is made anew."""
        now = self._monotonic()
        if now < self._renew_at:
            return
        client = self._client
        self._renew_at = now + max(_AGAIN, (self._ends_at - now) * _RENEW_AT)  # unless this renewal says better
        try:
            granted = self.ask("the token", client.auth.token.renew_self)["auth"]
            self._lives(granted)
            is_short = float(granted["lease_duration"]) < self._life * _WORTH
        except (SecretRefused, SecretMissing):
            is_short = True  # at the end of its longest life
        except SourceAway:
            if now >= self._ends_at:
                raise
            return
        if is_short:
            self._succeed(client, now)

    def _succeed(self, client: Any, now: float) -> None:
        """Log in anew while the token of `client` and what hangs on it are still good. Raises when they aren't."""
        ends_at = self._ends_at
        try:
            if self.section.auth == "token" and not self._was_replaced(client):
                raise SecretRefused("the given token", "it can't be renewed any more", "Put a new one in its place.")
            fresh = self._log_in()
        except GarrisonError as error:
            if now >= ends_at and self.section.auth != "token":
                raise
            self.trouble = f"{error.message} {error.remedy} The log-in in use ends in {max(0.0, ends_at - now):.0f} s."
            return
        self._left.append(client)
        self._client = fresh

    def _log_in(self) -> Any:
        client = self._connect()
        section = self.section
        if section.auth == "token":
            client.token = self._credential(section.token).reveal()
            found = self._first("the log-in by token", client.auth.token.lookup_self)["data"]
            auth = {"lease_duration": found["ttl"]}
        else:
            auth = self._first(f"the log-in by {NAMES[section.auth]}", self._log_in_call(client))["auth"]
        self._life, self.trouble = float(auth["lease_duration"]), ""
        self._lives(auth)
        return client

    def _first(self, what: str, call: Callable[[], Any]) -> Any:
        """As `ask`, where nothing at all may be: no such method (denied, says the server), or no such namespace."""
        try:
            return self.ask(what, call)
        except NotPermitted as error:
            if self.section.auth == "token":
                raise
            remedy = "See `vault.auth_mount`, and what the role is bound to (addresses, claims)."
            raise NotPermitted(what, error.why, remedy) from None
        except SecretMissing:
            remedy = "Correct `vault.auth_mount` or `vault.namespace`, or enable the method there."
            raise SecretRefused(what, "the server has no such way to log in there", remedy) from None

    def _log_in_call(self, client: Any) -> Callable[[], Any]:
        """What logs `client` in. Credentials are read anew for each log-in: they are rotated where they are kept."""
        section, mount = self.section, self.section.auth_mount or self.section.auth
        if section.auth == "approle":
            role, secret = self._credential(section.role_id), self._credential(section.secret_id)
            return lambda: client.auth.approle.login(role.reveal(), secret.reveal(), mount_point=mount)
        jwt = self._credential(section.jwt)
        if section.auth == "jwt":
            return lambda: client.auth.jwt.jwt_login(section.role, jwt.reveal(), path=mount)
        return lambda: client.auth.kubernetes.login(section.role, jwt.reveal(), mount_point=mount)

    def _lives(self, auth: Mapping[str, Any]) -> None:
        now, life = self._monotonic(), float(auth["lease_duration"])
        self._ends_at = now + life if life else float("inf")
        self._renew_at = now + life * _RENEW_AT if life else float("inf")

    def _connect(self) -> Any:
        try:
            hvac, requests = importlib.import_module("hvac"), importlib.import_module("requests")
        except ModuleNotFoundError:
            raise SourceAway(
                self.place, "the package 'hvac' is not installed", 'Install it with: pip install "garrison[vault]"'
            ) from None
        if self.section.ca and not os.access(self.section.ca, os.R_OK):  # the library says so late, and untyped
            why = f"the authorities in {self.section.ca} can't be read"
            raise SourceAway(self.place, why, "Correct `vault.ca`, or the file's owner and mode.")
        session = requests.Session()
        session.trust_env = False
        session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=_CONNECTIONS))
        session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=_CONNECTIONS))
        session.verify = self.section.ca or True
        return hvac.Client(
            self.section.address, token="", verify=self.section.ca or True, timeout=self.section.timeout,
            namespace=self.section.namespace or None, session=session, allow_redirects=False,
        )  # fmt: skip


def read_line(mount: str, path: str) -> str:
    """The line of a server policy that lets a secret of the key-value engine be read."""
    return f'path "{mount}/data/{path}" {{ capabilities = ["read"] }}'


OWN_LINES: Final = (
    'path "auth/token/lookup-self" { capabilities = ["read"] }',
    'path "auth/token/renew-self" { capabilities = ["update"] }',
    'path "auth/token/revoke-self" { capabilities = ["update"] }',
)
"""The lines that let a log-in look after itself."""
