"""`garrison secrets`: keys, and the application's secrets."""

from __future__ import annotations

import secrets as random

import typer

from . import secrets_edit, secrets_sealed, secrets_vault, secrets_who
from .group import Group
from .output import print_raw

app = typer.Typer(cls=Group, no_args_is_help=True, help="Keys and secrets.")


app.command()(secrets_who.who)
app.command()(secrets_sealed.init)
app.command("set", context_settings={"allow_extra_args": True})(secrets_sealed.set_)
app.command()(secrets_sealed.get)
app.command("list")(secrets_sealed.list_)
app.command()(secrets_edit.edit)
app.command()(secrets_sealed.export)
app.command()(secrets_sealed.seal_for)
app.command()(secrets_sealed.rotate)
app.command()(secrets_vault.doctor)
app.command("policy")(secrets_vault.policy_)


@app.callback()
def _secrets() -> None:
    """Keys for the policy, and the application's own secrets. No command prints a secret unless it is asked to."""


@app.command()
def key() -> None:
    """Print a fresh root key (256 random bits) for GARRISON_KEY or a key file.

    To rotate, put the new key in front of the old one, separated by a space: GARRISON_KEY="new old".
    """
    from ..secrets.strength import Weak, root_key

    while True:
        text = random.token_urlsafe(32)
        try:
            root_key(text)
        except Weak:  # once in very many keys: random letters that spell a word of the list
            continue
        print_raw(text)
        return
