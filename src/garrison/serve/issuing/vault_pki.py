"""Server certificates from the PKI engine of Vault or OpenBao: the key is made here, and a role signs a request for it.

Threat: a key that the server made and sent has been seen by it, its storage and whoever read the answer; so `sign` is
asked and never `issue`. A server that was taken over, or another in its place, sends a certificate for other names,
another key, or one that can sign others: it is refused, and what is in use goes on. Assumption: the role says which
names may be asked for. Lets pass: whoever has this application's log-in can have certificates for the role's names.

Source: OpenBao API documentation, PKI secrets engine, "Sign certificate".
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ...policy.model import Policy
from ...policy.section_vault import VaultSection
from ...secrets.errors import SecretError
from ...secrets.resolver import Resolver
from ...secrets.vault import Vault
from ...secrets.vault_rights import demand, line_of
from ..certificates import new_key
from .errors import IssueRefused
from .issuer import Sources
from .signed import check_issued, plain_line, request_for

NO_SUGGESTION: Final = timedelta(days=1)
"""The engine suggests no time to renew; the issuer looks in again this much later."""
_COMMON_NAME: Final = 64
_MEND: Final = (
    "See what the role allows (allowed_domains, allow_subdomains, key_type, max_ttl), and `garrison secrets doctor`."
)

Show = Callable[[str, str | None], None]


class VaultAuthority:
    """`issuer.Source` for one role of one server. Every method blocks: call them in a thread.

    `issue` raises `IssueRefused` for what the server refuses or sends amiss, `SourceAway` when it can't be asked, and
    `SecretError` for what keeps us from logging in.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._path = sign_path(vault.section)

    def issue(self, names: Sequence[str], show: Show) -> bytes:
        """A fresh key, its certificate for `names`, and the chain, in one PEM."""
        key = new_key()
        found = _sent(self._signed(request_for(key, names).decode(), names))
        chain = "".join(one.public_bytes(Encoding.PEM).decode() for one in found[:1] + _without_root(found[1:]))
        check_issued(chain, key, names, _MEND)
        _check_chain(found)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain.encode()

    def suggestion(self, pem: bytes) -> tuple[datetime | None, datetime]:
        """None: the engine has no say in when to renew."""
        return None, datetime.now(UTC) + NO_SUGGESTION

    def _signed(self, request: str, names: Sequence[str]) -> Mapping[str, Any]:
        data: dict[str, str] = {"csr": request, "alt_names": ",".join(names), "format": "pem"}
        if len(names[0]) <= _COMMON_NAME:  # RFC 5280, ub-common-name; longer ones need a role with require_cn=false
            data["common_name"] = names[0]
        right = line_of(self._path, "update")
        try:
            return self._vault.logged_in(
                lambda client: self._vault.ask(self._path, lambda: self._asked(client, data), right)
            )
        except SecretError as error:
            if error.place != self._path:
                raise  # of the log-in
            raise IssueRefused(getattr(error, "why", "there is no such engine"), error.remedy) from None

    def _asked(self, client: Any, data: Mapping[str, str]) -> Mapping[str, Any]:
        errors = importlib.import_module("hvac.exceptions")
        try:
            return dict(client.write_data(self._path, data=data)["data"])
        except errors.InvalidRequest as error:
            said = ", ".join(str(one) for one in error.errors or ())
            raise IssueRefused(plain_line(said or "it does not take the request"), _MEND) from None


def _sent(answer: Mapping[str, Any]) -> list[x509.Certificate]:
    """The certificate, and those that lead from it to a root."""
    above = answer.get("ca_chain") or [answer.get("issuing_ca", "")]
    texts = [answer.get("certificate"), *above] if isinstance(above, list) else []
    try:
        return [one for text in texts if text for one in x509.load_pem_x509_certificates(text.encode())]
    except (ValueError, AttributeError):  # no PEM, or no text
        raise IssueRefused("what it sent is no certificate", _MEND) from None


def _without_root(found: list[x509.Certificate]) -> list[x509.Certificate]:
    """Clients have the root already, or don't trust it (RFC 8446, section 4.4.2)."""
    return [one for one in found if one.subject != one.issuer]


def _check_chain(found: list[x509.Certificate]) -> None:
    """The first is a server's, not an authority's, which could sign others; and each is signed by the next."""
    try:
        is_authority = found[0].extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    if is_authority:
        raise IssueRefused("what it sent is an authority's certificate, not a server's", _MEND)
    for one, above in pairwise(found):
        try:
            one.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature):
            raise IssueRefused("what it sent is no chain: one is not signed by the next", _MEND) from None


@contextmanager
def vault_sources(policy: Policy, environ: Mapping[str, str]) -> Iterator[Sources]:
    """The role of `policy` as an authority; the log-in it needed ends with the block."""
    resolver = Resolver.from_policy(policy, environ)
    try:
        if resolver.vault is None:
            raise IssueRefused("the policy names no server", "Write [vault] address and a log-in.")
        yield Sources(VaultAuthority(resolver.vault))
    finally:
        resolver.close()


def sign_path(section: VaultSection) -> str:
    """Where the role signs: `pki/sign/shop` for `pki/shop`."""
    mount, _, role = section.pki.rpartition("/")
    return f"{mount}/sign/{role}"


def pki_lines(section: VaultSection) -> list[str]:
    """The line of a server policy that the role takes."""
    return [line_of(sign_path(section), "update")] if section.pki else []


def pki_steps(vault: Vault) -> Iterator[tuple[str, Callable[[], object]]]:
    """What has to work before a certificate can be had, as `Vault.steps`."""
    if vault.section.pki:
        rights = [(sign_path(vault.section), "update")]
        what = f"certificates by the role {vault.section.pki}"
        yield what, lambda: demand(vault, what, rights)
