"""`garrison secrets init|set|get|list|export|seal-for|rotate`: the sealed file. Values come by standard input only."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Format, PolicyFile, load_policy
from .output import Shape, Usage, err, out, print_json, print_raw, safe

if TYPE_CHECKING:
    from ..secrets.sealed_file import Workshop

File = Annotated[
    Path | None, typer.Option("--file", metavar="FILE", help="The sealed file; otherwise the policy's `secrets.file`.")
]
Keys = Annotated[
    Path | None,
    typer.Option(
        "--keys", metavar="FOLDER", help="The folder with your identity.key and signing.key (~/.config/garrison/keys)."
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The secret's name in the file.")]


def workshop(policy: Path | None, file: Path | None, keys: Path | None) -> Workshop:
    """The sealed file that was named, or the policy's, and the keys to work on it with."""
    from ..secrets.sealed_file import Workshop

    folder = (keys or Path.home() / ".config" / "garrison" / "keys").absolute()
    if file is not None and policy is None:
        return Workshop(file.absolute(), folder)
    section = load_policy(policy).policy.secrets
    return Workshop((file or Path(section.file or "secrets.sealed")).absolute(), folder, section.signers)


def checked(name: str) -> str:
    """`name`, when it can be a secret's name. Raises `Usage`."""
    from ..policy.reference import NAME

    if not re.fullmatch(NAME, name):
        raise Usage(
            "That is no name for a secret.", remedy="Write lower-case letters, digits, `_`, `-` and dots: db.dsn"
        )
    return name


def init(file: File = None, keys: Keys = None) -> None:
    """Make a sealed file, and your keys if you have none. Prints the lines for the policy."""
    from ..secrets.sealed_keys import make_keys

    shown = file or Path("secrets.sealed")
    work = workshop(None, shown, keys)
    signer = make_keys(work.keys)
    work.make()
    print_raw(f'[secrets]\nfile = "{shown}"\nidentity = "file:{work.keys / "identity.key"}"\nsigners = ["{signer}"]')
    err().print("Put these lines into the policy, and commit the file. The keys stay out of the repository.")


def set_(context: typer.Context, name: Name, policy: PolicyFile = None, file: File = None, keys: Keys = None) -> None:
    """Set a secret to what stands on standard input (typed unseen at a terminal)."""
    if context.args:
        raise Usage(
            "A value on a command line is seen by other users, and kept by the shell.",
            remedy=f"Give it by standard input: garrison secrets set {checked(name)} < FILE. Take another value.",
        )
    work = workshop(policy, file, keys)
    sealed = work.set({checked(name): _typed(name)})
    err().print(safe(f"{name} is version {sealed.secrets[name].now.version}, serial {sealed.serial} of the file."))


def get(
    name: Name,
    version: Annotated[int | None, typer.Option("--version", min=1, help="An earlier version.")] = None,
    policy: PolicyFile = None,
    file: File = None,
    keys: Keys = None,
) -> None:
    """Print a secret."""
    print_raw(workshop(policy, file, keys).get(checked(name), version))


def list_(policy: PolicyFile = None, file: File = None, keys: Keys = None, shape: Format = Shape.TEXT) -> None:
    """Print names, versions and recipients. No value is opened."""
    sealed = workshop(policy, file, keys).read()
    rows = [
        {"secret": name, "version": entry.now.version, "changed": entry.now.changed, "earlier": len(entry.before)}
        for name, entry in sorted(sealed.secrets.items())
    ]
    if shape is Shape.JSON:
        print_json({"serial": sealed.serial, "recipients": list(sealed.recipients), "secrets": rows})
        return
    for row in rows:
        out().print(safe(f"{row['secret']}  version {row['version']}, {row['changed']}, {row['earlier']} earlier"))
    out().print(safe(f"serial {sealed.serial}, sealed for {', '.join(sealed.recipients)}"))


def export(policy: PolicyFile = None, file: File = None, keys: Keys = None) -> None:
    """Print every secret as one JSON object."""
    print_json(workshop(policy, file, keys).all())


def seal_for(
    recipients: Annotated[list[str], typer.Argument(metavar="RECIPIENT…", help="Public age keys (age1…).")],
    policy: PolicyFile = None,
    file: File = None,
    keys: Keys = None,
) -> None:
    """Let further identities open the file: everything is sealed anew for them too."""
    sealed = workshop(policy, file, keys).reseal(lambda before: [*before, *recipients])
    err().print(safe(f"Sealed for {len(sealed.recipients)} recipients, serial {sealed.serial}."))


def rotate(
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="RECIPIENT", help="Who may not open it any more.")
    ] = None,
    policy: PolicyFile = None,
    file: File = None,
    keys: Keys = None,
) -> None:
    """Make a new identity in place of yours and seal everything anew; the old identity stays behind the new one.

    Who is removed has read every value up to now: change the values themselves as well.
    """
    from ..secrets.sealed_keys import add_identity

    work = workshop(policy, file, keys)
    work.all()  # whoever can't open it must not lock everybody else out
    own, *old = add_identity(work.keys)
    gone = {own, *old, *(remove or ())}
    sealed = work.reseal(lambda before: [own, *(one for one in before if one not in gone)])
    err().print(
        safe(f"Sealed for {len(sealed.recipients)} recipients, serial {sealed.serial}. Deploy the new identity.")
    )
    if remove:
        err().print("Who was removed knows the values up to now. Set new ones:")
        for name in sorted(sealed.secrets):
            err().print(safe(f"  garrison secrets set {name}"))


def _typed(name: str) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(f"Value of {name}", hide_input=True, confirmation_prompt=True, err=True))
    return sys.stdin.buffer.read(1024 * 1024).decode("utf-8", "surrogateescape")
