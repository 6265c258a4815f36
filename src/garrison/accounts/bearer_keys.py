"""The public keys of an issuer (JWKS, RFC 7517): fetched, kept, and fetched again when it rotates them.

Threat: tokens with made-up key ids that make us ask the issuer once each (a flood at our expense and the issuer's); a
slow or lying endpoint; a shared secret or a weak key slipped into the set. So: at most one fetch per half minute,
whatever tokens say; bounded size, time and number of keys; only public RSA (2048 bits or more), EC and Ed25519 keys.
A key id is only ever compared with those of the set: it names no file, no address and no row.

When the issuer is away the last good set holds for a day; before the first one nobody can be verified, and requests
with tokens are answered 503. Lets pass: what an issuer signs with a key it publishes; a withdrawn key for ten minutes.
"""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from ..core.errors import DependencyError
from ..core.ports import Services
from ..events.vocabulary import EventName

if TYPE_CHECKING:
    import anyio
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    Key: TypeAlias = RSAKey | ECKey | OKPKey

FRESH: Final = 600.0
PAUSE: Final = 30.0
LAST_GOOD: Final = 86400.0
_MOST: Final = 64
_WEAKEST_RSA: Final = 2048
_FAMILY: Final = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_CURVES: Final = {"ES256": "P-256", "ES384": "P-384", "Ed25519": "Ed25519"}


class IssuerKeys:
    """`find(kid, algorithm)` over the set that `load` gives.

    services   clock and events
    load       fetches the JWKS; raises `DependencyError`
    """

    def __init__(self, services: Services, load: Callable[[], Awaitable[Mapping[str, Any]]]) -> None:
        self._services = services
        self._now = services.clock.monotonic
        self._load = load
        self._keys: tuple[Key, ...] = ()
        self._loaded: float | None = None
        self._asked: float | None = None
        self._is_away = False
        self._one: anyio.Lock | None = None

    async def find(self, kid: str | None, algorithm: str) -> Key | None:
        """The key for a token of that header, or None. Raises `DependencyError` when there is no set to look in.

        Without a key id it is the one key that fits the algorithm, if there is just one.
        """
        if self._loaded is None or self._now() - self._loaded > FRESH:
            await self._refresh()
        key = self._pick(kid, algorithm)
        if key is None and kid is not None and all(one.kid != kid for one in self._keys):
            await self._refresh()  # the issuer may have a new key
            key = self._pick(kid, algorithm)
        return key

    def _pick(self, kid: str | None, algorithm: str) -> Key | None:
        age = None if self._loaded is None else self._now() - self._loaded
        if age is None or age > LAST_GOOD:
            raise DependencyError("The issuer's keys could not be had.")
        fitting = [one for one in self._keys if _fits(one, algorithm) and (kid is None or one.kid == kid)]
        return fitting[0] if len(fitting) == 1 else None

    async def _refresh(self) -> None:
        """Ask once, unless somebody just did. A failure leaves the set as it was."""
        import anyio

        if self._one is None:
            self._one = anyio.Lock()
        if self._one.locked() and self._loaded is not None:
            return  # somebody is asking: go on with what there is
        async with self._one:
            if self._asked is not None and self._now() - self._asked < PAUSE:
                return
            self._asked = self._now()
            try:
                self._keys = read_keys(await self._load())
            except DependencyError as error:
                self._tell(True, str(error))
                return
            self._loaded = self._now()
            self._tell(False)

    def _tell(self, away: bool, why: str = "") -> None:
        if away is not self._is_away:
            self._is_away = away
            name = EventName.DEGRADED if away else EventName.RECOVERED
            self._services.emit(name, None, service="issuer keys", error=why)


def read_keys(jwks: Mapping[str, Any]) -> tuple[Key, ...]:
    """The keys of a set that may verify signatures; the others are left out (RFC 7517, section 5).

    Raises `DependencyError` when it is no set, has more than 64 keys, or none that can be used.
    """
    given = jwks.get("keys")
    if not isinstance(given, list) or len(given) > _MOST:
        raise DependencyError("The issuer's answer is no JWKS of at most 64 keys.")
    found = tuple(key for one in given if (key := _read_key(one)) is not None)
    if not found:
        raise DependencyError("The issuer's JWKS holds no key that can be used.")
    return found


def _read_key(given: object) -> Key | None:
    from joserfc.errors import JoseError, SecurityWarning
    from joserfc.jwk import ECKey, OKPKey, RSAKey

    if not isinstance(given, dict) or given.get("use", "sig") != "sig":
        return None
    kinds: dict[str, type[Key]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
    kind = kinds.get(str(given.get("kty")))
    if kind is None:
        return None  # "oct" too: a shared secret has no place in a public set
    public = {name: value for name, value in given.items() if name not in _PRIVATE}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SecurityWarning)  # keys the library calls weak
            key = kind.import_key(public)
            strong = not isinstance(key, RSAKey) or _bits(key) >= _WEAKEST_RSA
    except (JoseError, SecurityWarning, ValueError, TypeError, KeyError, AttributeError):
        return None  # malformed keys raise all of these; a broken key among good ones must not stop the good ones
    return key if strong else None


def _bits(key: RSAKey) -> int:
    size: int = getattr(key.public_key, "key_size", 0)
    return size


_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "key_ops"})


def _fits(key: Key, algorithm: str) -> bool:
    """Whether `key` is of the algorithm's family and curve, and not meant for another algorithm (RFC 8725, 3.1)."""
    meant = key.get("alg")
    if key.key_type != _FAMILY.get(algorithm[:2]) or (meant is not None and meant != algorithm):
        return False
    return algorithm not in _CURVES or key.get("crv") == _CURVES[algorithm]
