"""Jinja2 pages that carry the nonce and the CSRF field.

Threat: a template that forgets either: its scripts are blocked, its forms are refused. Assumption: autoescaping is on,
which `templates` sees to for every file (Jinja2 alone goes by the file's ending). Lets pass: what a template marks as
`|safe`; the Content-Security-Policy is the second line there.
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


def templates(directory: str | Path) -> Jinja2Templates:
    """Starlette's `Jinja2Templates` over `directory`, with `template_context` and with autoescaping for every file.

    Raises ImportError when Jinja2 is not installed.
    """
    from jinja2 import Environment, FileSystemLoader
    from starlette.templating import Jinja2Templates

    env = Environment(loader=FileSystemLoader(directory), autoescape=True)
    return Jinja2Templates(env=env, context_processors=[template_context])
