"""Jinja2 pages that carry the nonce and the CSRF field.

Threat: a template that forgets either: its scripts are blocked, its forms are refused; a value that stands where HTML
escaping does not help (CWE-79). `templates` chooses the encoding by the place and refuses templates it can't prove (see
`garrison.inputs.encode_jinja`). Lets pass: what a template says `allow_insecure_html` of; the second line there is the
Content-Security-Policy.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from ..core.names import CSRF_FIELD
from .current import exchange

if TYPE_CHECKING:
    from markupsafe import Markup
    from starlette.templating import Jinja2Templates


def template_context(request: Request) -> dict[str, Any]:
    """A context processor for `Jinja2Templates(context_processors=[template_context])`. It gives a template

    nonce          for `<script nonce="{{ nonce }}">` and `<style nonce="{{ nonce }}">`
    csrf_field()   a hidden field; write it first in every form with method="post"
    csrf_token()   the bare token
    principal      who is asking, or None

    The token is drawn on use: a page without a form starts no session.
    """
    current = exchange(request)

    def csrf_field() -> Markup:
        from markupsafe import Markup

        field = Markup('<input type="hidden" name="{}" value="{}">')
        return field.format(CSRF_FIELD, current.csrf_token)

    return {
        "nonce": current.nonce,
        "csrf_field": csrf_field,
        "csrf_token": lambda: current.csrf_token,
        "principal": current.principal,
    }


def templates(directory: str | Path, *, allow_insecure_unproven: bool = False) -> Jinja2Templates:
    """Starlette's `Jinja2Templates` over `directory`, with `template_context`, and with the encoding of each place for
    every value. A template that can't be proven raises `TemplateRefused` when it is loaded.

    allow_insecure_unproven   only escape HTML, in every file, and prove nothing: for templates of somebody else's

    Raises ImportError when Jinja2 is not installed.
    """
    from jinja2 import Environment, FileSystemLoader
    from starlette.templating import Jinja2Templates

    from ..inputs.encode_jinja import SafeEnvironment

    loader = FileSystemLoader(directory)
    env = Environment(loader=loader, autoescape=True) if allow_insecure_unproven else SafeEnvironment(loader=loader)
    return Jinja2Templates(env=env, context_processors=[template_context])
