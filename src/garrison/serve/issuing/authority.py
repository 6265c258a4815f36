"""Talking to one ACME authority with the library `acme`; imported only once the extra is known to be there.

Threat: an authority that answers oddly, slowly or never. Every request has a time limit, an order has a deadline, and
whatever goes wrong comes out as one of two errors. Assumption: the directory's TLS is checked against the system's
authorities, or `ca_file` where the policy names one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import josepy
import requests
from acme import challenges, client, errors, messages
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.jwa import ES256
from josepy.jwk import JWKEC

from ...core.errors import OperatorError
from ..certificates import new_key
from .errors import AuthorityAway, IssueRefused
from .signed import check_issued, plain_line, request_for
from .state import Accounts

NONCES: Final = 6
"""Times a request is made when its nonce is refused; RFC 8555 section 6.5 lets authorities refuse at will."""
SECONDS: Final = 20
DEADLINE: Final = timedelta(seconds=90)
_BINDING: Final = "Set acme.eab_id and acme.eab_key to what the authority gave you for this account."
_ACCOUNT: Final = "It is about the account, not the names: see acme.contact, acme.eab_id and acme.eab_key."
_REMEDIES: Final = {
    "rateLimited": "Wait as long as it says. Starting again and again counts as well.",
    "caa": "Let the CAA records of the name allow this authority.",
    "rejectedIdentifier": "Ask for names that this authority issues for, or ask another one: acme.directory.",
    "externalAccountRequired": _BINDING,
}
"""What to do about an authority's problem (RFC 8555 section 6.7), where that is not to make the names lead here."""
_log = logging.getLogger("uvicorn.error")
_FORM: Final = serialization.PrivateFormat.PKCS8
_PEM: Final = serialization.Encoding.PEM

Show = Callable[[str, str | None], None]
"""Show a challenge's answer under a token at port 80; None takes it away."""


@dataclass(frozen=True, slots=True)
class Binding:
    """External account binding (RFC 8555 section 7.3.4): the id and the key, base64url."""

    id: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Contact:
    """Who asks, and how."""

    directory: str
    email: str = ""
    binding: Binding | None = None
    ca_file: str = ""


class _Network(client.ClientNetwork):
    """The library asks again once for a refused nonce; an authority may refuse several in a row."""

    def post(self, *args: Any, **kwargs: Any) -> requests.Response:
        for left in reversed(range(NONCES)):
            try:
                return self._post_once(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce" or not left:
                    raise
                self._nonces.clear()
        raise AssertionError("unreachable: the last turn returns or raises")


class Authority:
    """One authority, under this machine's account there. Every method blocks: call them in a thread.

    Methods raise `IssueRefused` for what the authority refuses, `AuthorityAway` for what it fails to do, and the
    errors of `state`.
    """

    def __init__(self, contact: Contact, accounts: Accounts) -> None:
        self._contact = contact
        self._accounts = accounts

    def issue(self, names: Sequence[str], show: Show) -> bytes:
        """A fresh key, its certificate for `names`, and the chain, in one PEM. `show` is called for each challenge."""
        with _told(self._contact.directory):
            acme = self._logged_in()
            key = new_key()
            order = acme.new_order(request_for(key, names))
            tokens = self._answer(acme, order, show)
            try:
                # The library compares with this machine's own, naive time.
                until = datetime.now() + DEADLINE  # noqa: DTZ005
                chain = acme.poll_and_finalize(order, until).fullchain_pem
            finally:
                for token in tokens:
                    show(token, None)
        check_issued(chain, key, names)
        return key.private_bytes(_PEM, _FORM, serialization.NoEncryption()) + chain.encode()

    def suggestion(self, pem: bytes) -> tuple[datetime | None, datetime]:
        """When the authority would like the certificate renewed (RFC 9773), and when to ask again."""
        with _told(self._contact.directory):
            when, again = self._client(None).renewal_time(pem)
        return when, again.astimezone(UTC)

    def _answer(self, acme: client.ClientV2, order: messages.OrderResource, show: Show) -> list[str]:
        tokens: list[str] = []
        for authorization in order.authorizations:
            if authorization.body.status == messages.STATUS_VALID:
                continue
            found = [one for one in authorization.body.challenges if isinstance(one.chall, challenges.HTTP01)]
            if not found:
                raise IssueRefused(f"it offers no HTTP challenge for {authorization.body.identifier.value}")
            response, answer = found[0].chall.response_and_validation(acme.net.key)
            token = found[0].chall.encode("token")
            show(token, answer)
            tokens.append(token)
            acme.answer_challenge(found[0], response)
        return tokens

    def _client(self, key: JWKEC | None) -> client.ClientV2:
        network = _Network(key, alg=ES256, user_agent="garrison", timeout=SECONDS)
        if self._contact.ca_file:
            network.verify_ssl = self._contact.ca_file  # type: ignore[assignment]  # requests takes a path as well
        directory = client.ClientV2.get_directory(self._contact.directory, network)
        return client.ClientV2(directory, network)

    def _logged_in(self) -> client.ClientV2:
        """A client with an account: the one kept if the authority still knows it, else a new one with the same key."""
        kept = self._accounts.read(self._contact.directory) or {}
        key = JWKEC(key=_account_key(kept))
        acme = self._client(key)
        if kept.get("uri"):
            account = messages.RegistrationResource(uri=kept["uri"], body=messages.Registration())
            try:
                acme.query_registration(account)
                return acme
            except messages.Error as error:
                if error.code != "accountDoesNotExist":
                    raise
                acme.net.account = None
        # Kept before it is used: an account whose key is lost could never be closed.
        self._keep(key, "")
        self._keep(key, self._register(acme, key))
        return acme

    def _register(self, acme: client.ClientV2, key: JWKEC) -> str:
        more: dict[str, Any] = {"terms_of_service_agreed": True}
        if self._contact.email:
            more["contact"] = (f"mailto:{self._contact.email}",)
        if self._contact.binding is not None:
            binding = self._contact.binding
            more["external_account_binding"] = messages.ExternalAccountBinding.from_data(
                key.public_key(), binding.id, binding.key, acme.directory
            )
        elif getattr(acme.directory.meta, "external_account_required", False):
            raise IssueRefused("it wants an external account binding", _BINDING)
        try:
            return str(acme.new_account(messages.NewRegistration(**more)).uri)
        except messages.Error as error:
            raise IssueRefused(_problem(error), _ACCOUNT) from error
        except errors.ConflictError as known:
            acme.net.account = messages.RegistrationResource(uri=known.location, body=messages.Registration())
            return str(known.location)

    def _keep(self, key: JWKEC, uri: str) -> None:
        pem = key.key.private_bytes(_PEM, _FORM, serialization.NoEncryption()).decode()
        self._accounts.write(self._contact.directory, {"directory": self._contact.directory, "uri": uri, "key": pem})


def _account_key(kept: Mapping[str, str]) -> ec.EllipticCurvePrivateKey:
    if not kept.get("key"):
        return new_key()
    key = serialization.load_pem_private_key(kept["key"].encode(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise IssueRefused("the account key that is kept is of a kind never made here")
    return key


@contextmanager
def _told(directory: str) -> Iterator[None]:
    """Everything the library raises, as one of our two errors."""
    try:
        yield
    except OperatorError:
        raise
    except errors.ValidationError as error:
        raise IssueRefused(_validation(error)) from error
    except (messages.Error, errors.IssuanceError) as error:
        problem = error.error if isinstance(error, errors.IssuanceError) else error
        raise IssueRefused(_problem(problem), _REMEDIES.get(problem.code or "", "")) from error
    except errors.TimeoutError as error:
        raise AuthorityAway(directory, "it did not come to a decision in time") from error
    except (errors.Error, requests.RequestException, josepy.errors.Error, json.JSONDecodeError, KeyError) as error:
        raise AuthorityAway(directory, plain_line(str(error) or type(error).__name__)) from error


def _problem(problem: messages.Error) -> str:
    return plain_line(f"{problem.code or 'refused'}: {problem.detail or problem.title or ''}")


def _validation(error: errors.ValidationError) -> str:
    said = []
    for authorization in error.failed_authzrs:
        name = authorization.body.identifier.value
        for challenge in authorization.body.challenges:
            if challenge.error is not None:
                said.append(f"{name}: {challenge.error.detail}")  # noqa: PERF401  two loops read better than one line
    return plain_line("; ".join(said) or "it could not validate the names")
