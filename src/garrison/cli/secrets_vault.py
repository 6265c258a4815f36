"""`garrison secrets doctor` and `garrison secrets policy`: Vault, OpenBao and AWS, from the application's side."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from ..core.errors import GarrisonError
from .config_secrets import config_references
from .options import Format, PolicyFile, load_policy
from .output import FOUND, Shape, Usage, out, print_json, print_raw, safe

if TYPE_CHECKING:
    from ..policy.model import Policy
    from ..policy.reference import Reference
    from ..secrets.resolver import Resolver

_IN_VAULT = ("vault:", "lease:")
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
    from ..policy.reference import parse_reference
    from ..secrets.in_memory import leftovers
    from ..secrets.resolver import Resolver

    for left in leftovers():
        why = f"{left}: an edit that was killed left secrets in clear there, in memory"
        yield "no edit left its file", why, f"`garrison secrets edit` removes it, and so does: rm -r {left}"
    resolver = Resolver.from_policy(policy, os.environ)
    # What opens a source is tried with the source.
    own = {one.key: one.reference for one in own_references(policy) if one.room != "secrets"}
    named = {**policy.secrets.named, **own, **config_references(policy)}
    for schemes, steps in _servers(policy, resolver, named.values()):
        for what, call in steps:
            try:
                call()
            except GarrisonError as error:
                yield what, error.message, error.remedy
                # What is kept there fails for the same reason.
                named = {name: text for name, text in named.items() if not text.startswith(schemes)}
                break
            yield what, "", ""
    if resolver.vault and resolver.vault.unwrapping and any(text.startswith(_IN_VAULT) for text in named.values()):
        named = {name: text for name, text in named.items() if not text.startswith(_IN_VAULT)}
        yield (
            "not tried: the log-in and all behind it, since the wrapping token opens once, for the application",
            "",
            "",
        )
    found, failed = resolver.read_all(named)
    for name, reference in named.items():
        wrong = failed.get(name)
        yield f"{name} from {reference}", wrong.message if wrong else "", wrong.remedy if wrong else ""
    places = _leased(parse_reference(named[name]) for name in found)
    for what, call in resolver.leases.steps(places) if resolver.leases else ():
        try:
            call()
        except GarrisonError as error:
            yield what, error.message, error.remedy
        else:
            yield what, "", ""
    resolver.close()


def _leased(references: Iterable[Reference]) -> list[str]:
    """Where leases are taken, once each: `database/creds/shop`."""
    from ..policy.reference import split_vault

    return sorted({"/".join(split_vault(one)[:2]) for one in references if one.scheme == "lease"})


def _servers(
    policy: Policy, resolver: Resolver, references: Iterable[str]
) -> Iterator[tuple[tuple[str, ...], Iterable[tuple[str, Callable[[], object]]]]]:
    """The servers that references are kept in: how those begin, and the steps to try."""
    from ..secrets.transit import transit_steps
    from ..serve.issuing.vault_pki import pki_steps

    if resolver.vault and policy.vault.address:
        more = () if resolver.vault.unwrapping else chain(transit_steps(resolver.vault), pki_steps(resolver.vault))
        yield _IN_VAULT, chain(resolver.vault.steps(), more)
    aws = ("aws-sm:", "aws-ssm:")
    if resolver.aws and any(text.startswith(aws) for text in references):
        yield aws, resolver.aws.steps()


class Server(StrEnum):
    VAULT = "vault"
    AWS = "aws"


def policy_(
    policy: PolicyFile = None,
    server: Annotated[
        Server | None, typer.Option("--for", help="The server to write for, where secrets are kept in both.")
    ] = None,
) -> None:
    """Print the server policy (Vault, OpenBao) or IAM policy (AWS) with the least rights that the references need."""
    from ..policy.own_references import own_references
    from ..policy.reference import parse_reference
    from ..secrets.aws_policy import iam_policy

    found = load_policy(policy).policy
    texts = [*found.secrets.named.values(), *(own.reference for own in own_references(found))]
    texts += config_references(found).values()
    references = [parse_reference(text) for text in texts]
    written = {
        Server.VAULT: _vault_policy(found, references),
        Server.AWS: iam_policy(found.aws, references)["Statement"],
    }
    kept = [one for one, rights in written.items() if rights and server in (None, one)]
    if not kept:
        where = "AWS" if server is Server.AWS else "Vault" if server else "Vault or AWS"
        raise Usage(
            f"No secret of the policy is kept in {where}.", remedy="Write a vault:// or aws-sm:// reference first."
        )
    if len(kept) > 1:
        raise Usage(
            "Secrets of the policy are kept in Vault and in AWS.", remedy="Say for which: --for vault, --for aws."
        )
    if kept == [Server.AWS]:
        print_json(iam_policy(found.aws, references))
    else:
        print_raw("\n".join(written[Server.VAULT]))


def _vault_policy(policy: Policy, references: Sequence[Reference]) -> list[str]:
    from ..policy.reference import split_vault
    from ..secrets.leases import lease_lines
    from ..secrets.transit import all_transit_lines
    from ..secrets.vault import OWN_LINES, read_line
    from ..secrets.vault_rights import LINE
    from ..serve.issuing.vault_pki import pki_lines

    lines = {read_line(*split_vault(one)[:2]) for one in references if one.scheme == "vault"}
    lines |= {line for place in _leased(references) for line in lease_lines(place)}
    asked = {*all_transit_lines(policy.vault), *pki_lines(policy.vault)}
    lines |= asked | ({LINE} if asked else set())  # what `doctor` asks with
    return [*sorted(lines), *OWN_LINES] if lines else []
