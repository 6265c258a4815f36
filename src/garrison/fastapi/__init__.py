"""Comfort for FastAPI applications behind `harden`.

Every name here works through `request.state.garrison`; without `harden` around the application each raises a
`RuntimeError` that says so, because a control that silently does nothing would be worse.

- who and what: `Garrison`, `Nonce`, `CsrfToken`, `CurrentPrincipal` as annotated parameters of an endpoint
- `WithAccounts`: passwords, the log-in guard, recovery and sessions; `refuse(garrison, refusal)` answers for the guard
- `public`, `authenticated`, `logged_in`, `scope(…)`, `allow(…)` and `fresh_login("5 min")` say who may use a route
- `limit("5/minute")` charges the rate layer's counters at one endpoint
- `templates("folder")` renders Jinja2 pages that know `nonce`, `csrf_field()` and `principal`
- `docs(app)` gives interactive API documentation that works under the strict Content-Security-Policy
- `JsonRoute` bounds JSON bodies before they are parsed
- `UploadPolicy` judges a file before the endpoint sees it; `download`, `link` and `signed_link` give it out again
- `Catalogue` and `Entry` are the sentences that errors are answered with; `garrison.fastapi.ownership.owned_by` (with
  SQLAlchemy) finds what belongs to a principal, and answers 404 for all else
- `refusals()` writes Garrison's answers into the OpenAPI schema
"""

from __future__ import annotations

try:
    import fastapi as _fastapi  # noqa: F401  # here only so that its absence is told in our words
except ImportError as error:
    raise ImportError('garrison.fastapi needs FastAPI: pip install "garrison[demo]" or fastapi itself') from error

from ..accounts.authorisation import AUTHENTICATED, LOGGED_IN, PUBLIC, Access, enforces
from .accounts import WithAccounts, accounts, refuse
from .authorisation import (
    AccessRefused,
    FreshLoginNeeded,
    allow,
    authenticated,
    fresh_login,
    guarded,
    logged_in,
    public,
    requires,
    scope,
)
from .catalogue import NOT_HERE, Catalogue, Catalogued, Entry
from .current import (
    CsrfToken,
    CurrentPrincipal,
    Garrison,
    Nonce,
    csrf_token,
    current_principal,
    exchange,
    nonce,
    require_principal,
)
from .docs import docs
from .downloads import download, link, signed_link
from .json_route import JsonRoute, json_route
from .limits import limit
from .pages import template_context, templates
from .refusals import refusals
from .uploads import Upload, UploadPolicy

__all__ = [
    "AUTHENTICATED",
    "LOGGED_IN",
    "NOT_HERE",
    "PUBLIC",
    "Access",
    "AccessRefused",
    "Catalogue",
    "Catalogued",
    "CsrfToken",
    "CurrentPrincipal",
    "Entry",
    "FreshLoginNeeded",
    "Garrison",
    "JsonRoute",
    "Nonce",
    "Upload",
    "UploadPolicy",
    "WithAccounts",
    "accounts",
    "allow",
    "authenticated",
    "csrf_token",
    "current_principal",
    "docs",
    "download",
    "enforces",
    "exchange",
    "fresh_login",
    "guarded",
    "json_route",
    "limit",
    "link",
    "logged_in",
    "nonce",
    "public",
    "refusals",
    "refuse",
    "require_principal",
    "requires",
    "scope",
    "signed_link",
    "template_context",
    "templates",
]
