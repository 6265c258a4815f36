"""The section `acme`: where `garrison serve --domain` gets its certificates from."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from .reference import check_optional
from .section import Frozen


def _https(text: str) -> str:
    if text and not text.startswith("https://"):
        raise ValueError("an ACME directory has an https:// address")
    return text


Directory = Annotated[str, AfterValidator(_https)]


class AcmeSection(Frozen):
    """Where `garrison serve --domain` gets its certificates from (RFC 8555). Naming a domain agrees to its terms."""

    directory: Directory = "https://acme-v02.api.letsencrypt.org/directory"
    """The authority's directory."""
    staging: Directory = "https://acme-staging-v02.api.letsencrypt.org/directory"
    """Where a failed issue is tried out before the authority is asked again; empty tries nothing out."""
    contact: str = ""
    """A mail address for the authority's notices."""
    eab_id: str = ""
    """External account binding: the key's id, where the authority wants one."""
    eab_key: Annotated[str, AfterValidator(check_optional)] = ""
    """External account binding: where its key is (base64url), as a reference: `env:NAME`, `file:/path`, …"""
    ca_file: str = ""
    """PEM file of who signed the directory's own certificate, for a private authority."""
    folder: str = ""
    """Where accounts and certificates are kept; empty is beside `state`, with `-acme` behind its name."""
    http_port: Annotated[int, Field(ge=0, le=65535)] = 80
    """Where challenges are answered; the authority asks port 80, so change it only behind something that forwards."""
