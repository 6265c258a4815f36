"""`garrison secrets doctor` and `garrison secrets policy`: the Vault or OpenBao server, from the application's side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from ..core.errors import GarrisonError
from .options import Format, PolicyFile, load_policy
from .output import FOUND, Shape, Usage, out, print_json, print_raw, safe

if TYPE_CHECKING:
    from ..policy.model import Policy

Step = tuple[str, str, str]
"""What was tried, why it failed (empty: it did not), and what to do."""


def doctor(policy: PolicyFile = None, shape: Format = Shape.TEXT) -> None:
    """Find out, step by step, why secrets can't be had: server, log-in, then every reference. No value is printed."""
    steps = list(_steps(load_policy(policy).policy))
    if shape is Shape.JSON:
        print_json([{"step": what, "ok": not why, "why": why, "remedy": remedy} for what, why, remedy in steps])
    else:
        for what, why, remedy in steps:
            out().print(safe(f"{'✗' if why else '✓'} {what}"))
            if why:
                out().print(safe(f"  {why}"))
                out().print(safe(f"  What to do: {remedy}"))
    if any(why for _, why, _ in steps):
        raise typer.Exit(FOUND)


def _steps(policy: Policy) -> Iterator[Step]:
    from ..policy.own_references import own_references
    from ..secrets.resolver import Resolver

    resolver = Resolver.from_policy(policy, os.environ)
    # What opens a source is tried with the source.
    own = {one.key: one.reference for one in own_references(policy) if one.room != "secrets"}
    named = {**policy.secrets.named, **own}
    for what, call in resolver.vault.steps() if resolver.vault and policy.vault.address else ():
        try:
            call()
        except GarrisonError as error:
            yield what, error.message, error.remedy
            named = {name: text for name, text in named.items() if not text.startswith("vault:")}  # for the same reason
            break
        yield what, "", ""
    _, failed = resolver.read_all(named)
    resolver.close()
    for name, reference in named.items():
        wrong = failed.get(name)
        yield f"{name} from {reference}", wrong.message if wrong else "", wrong.remedy if wrong else ""


def policy_(policy: PolicyFile = None) -> None:
    """Print the server policy with the least rights that this application's references need."""
    from ..policy.own_references import own_references
    from ..policy.reference import parse_reference, split_vault
    from ..secrets.vault import read_line

    found = load_policy(policy).policy
    texts = (*found.secrets.named.values(), *(own.reference for own in own_references(found)))
    references = (parse_reference(text) for text in texts)
    lines = {read_line(*split_vault(one)[:2]) for one in references if one.scheme == "vault"}
    if not lines:
        raise Usage("No secret of the policy is kept in Vault.", remedy="Write a vault:// reference first.")
    own = ('path "auth/token/lookup-self" { capabilities = ["read"] }',
           'path "auth/token/renew-self" { capabilities = ["update"] }',
           'path "auth/token/revoke-self" { capabilities = ["update"] }')  # fmt: skip
    print_raw("\n".join((*sorted(lines), *own)))
