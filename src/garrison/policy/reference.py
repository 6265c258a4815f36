"""References to secrets: where one is kept, as a type. The policy holds references, never secrets.

    env:NAME               an environment variable
    file:/absolute/path    a private file (`file:///absolute/path` means the same)
    mounted:/run/secrets/x a file that Kubernetes, Compose or systemd mounts
    keyring:shop/identity  the keyring of the user's session
    sealed:NAME            the sealed file that `[secrets]` names
    vault://kv/app/db#password   a field of a secret in Vault or OpenBao, key-value engine version 2
    aws-sm://shop/db#password    AWS Secrets Manager: a field of a secret that is JSON; without `#`, the whole of it
    aws-ssm:///shop/db/password  AWS Systems Manager Parameter Store, the parameter's name behind `//`
    lease://database/creds/shop#password   a field of a credential that Vault or OpenBao makes for us, for a time
    lease://database/creds/shop#postgresql://{username}:{password}@db.internal/shop   an address with such fields

Threat: somebody writes the secret itself where a reference belongs, and it stands in the repository, in an error and in
a log; or a reference that is put together from input climbs out of its folder. So no message here repeats what was
read, and a path with `..`, `//` or control characters is no reference. Lets pass: whoever may change the policy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

NAME: Final = r"[a-z0-9][a-z0-9_-]{0,63}(?:\.[a-z0-9_-]{1,64}){0,7}"
"""What secrets are called: `db.password`."""
HOW_TO_WRITE: Final = (
    "Write env:NAME, file:/path, mounted:/path, sealed:NAME, vault://kv/app/db#field or aws-sm://app/db#field, "
    "and no secret itself."
)

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}").fullmatch
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]").search
_SCHEME: Final = re.compile(r"[a-z][a-z0-9-]{0,15}").fullmatch
_PART: Final = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}"
_IN_VAULT: Final = re.compile(rf"//{_PART}(?:/{_PART}){{1,16}}#[A-Za-z0-9_.-]{{1,128}}").fullmatch
_IN_AWS_SM: Final = re.compile(r"//[A-Za-z0-9/_+=.@-]{1,512}(?:#[A-Za-z0-9_.-]{1,128})?").fullmatch
_IN_AWS_SSM: Final = re.compile(
    r"//(?:[A-Za-z0-9_.-]{1,512}|(?:/[A-Za-z0-9_.-]{1,256}){1,15})(?:#[A-Za-z0-9_.-]{1,128})?"
).fullmatch
_FIELD: Final = r"\{[A-Za-z0-9_.-]{1,128}\}"
_TEMPLATE: Final = re.compile(
    rf"[a-z][a-z0-9+.-]*://(?:{_FIELD}(?::{_FIELD})?@)?(?:[A-Za-z0-9._~:/?\[\]&=%,;+!-]|{_FIELD}){{1,512}}"
).fullmatch
_IN_KEYRING: Final = re.compile(r"[A-Za-z0-9._@-]{1,128}/[A-Za-z0-9._@-]{1,128}").fullmatch
_LONGEST: Final = 1024


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret is kept: a source's scheme, and the secret's name in that source."""

    scheme: str
    name: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.name}"


def parse_reference(text: str) -> Reference:
    """`text` as a type. Raises ValueError that says what is wrong and repeats nothing of what may be a secret."""
    scheme, separator, name = text.partition(":")
    if not separator or not _SCHEME(scheme) or len(text) > _LONGEST:
        raise ValueError(f"not a reference to a secret. {HOW_TO_WRITE}")
    if scheme not in _READERS:
        raise ValueError(f"a reference to no known source; there are {', '.join(_READERS)}")
    return Reference(scheme, _READERS[scheme](name))


def texts_in(value: object) -> Iterator[str]:
    """Every text in a value of tables and lists, wherever it stands; keys of tables are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from texts_in(one)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for one in value:
            yield from texts_in(one)


def check_reference(text: str) -> str:
    """`text` itself, when it is a reference; for the policy's models. Raises ValueError."""
    parse_reference(text)
    return text


def check_optional(text: str) -> str:
    """As `check_reference`; empty for none."""
    return check_reference(text) if text else text


def is_reference(text: str) -> bool:
    """Whether `text` is a reference to a secret, and no secret itself."""
    try:
        parse_reference(text)
    except ValueError:
        return False
    return True


def _variable(name: str) -> str:
    if not _VARIABLE(name):
        raise ValueError("env: needs the name of an environment variable: letters, digits and underscores")
    return name


def _path(name: str) -> str:
    path = name.removeprefix("//") if name.startswith("///") else name
    parts = path.split("/")
    if parts[0] or len(parts) < 2 or _CONTROL(path) or not all(part not in {"", ".", ".."} for part in parts[1:]):
        raise ValueError("file: and mounted: need an absolute path without `.`, `..` and `//`: file:/etc/shop/password")
    return path


def _sealed(name: str) -> str:
    if not re.fullmatch(NAME, name):
        raise ValueError("sealed: needs the name of a secret: lower-case letters, digits, `_`, `-` and dots")
    return name


def _keyring(name: str) -> str:
    if not _IN_KEYRING(name):
        raise ValueError("keyring: needs a service and a name: keyring:shop/identity")
    return name


def _vault(name: str) -> str:
    if not _IN_VAULT(name):
        raise ValueError("vault: needs mount, path and field, without `.` and `..`: vault://kv/app/db#password")
    return name


def _lease(name: str) -> str:
    where, _, rest = name.partition("#")
    if is_template(rest) if "{" in rest else _IN_VAULT(name):
        return name
    if _IN_VAULT(f"{where}#x"):
        raise ValueError(
            "lease: needs a field, or an address with fields in the place of user and password: "
            "lease://database/creds/shop#postgresql://{username}:{password}@db.internal/shop"
        )
    raise ValueError("lease: needs mount, path and field, without `.` and `..`: lease://database/creds/shop#password")


def is_template(field: str) -> bool:
    """Whether the `field` of a `lease:` reference is an address with fields in it. No password stands in one."""
    return "{" in field and _TEMPLATE(field) is not None


def split_vault(reference: Reference) -> tuple[str, str, str]:
    """Mount, path and field (or address with fields) of a `vault:` or `lease:` reference."""
    where, _, field = reference.name.removeprefix("//").partition("#")
    mount, _, path = where.partition("/")
    return mount, path, field


def _aws_sm(name: str) -> str:
    if not _IN_AWS_SM(name) or _climbs(name):
        raise ValueError("aws-sm: needs the secret's name, and may have a field: aws-sm://shop/db#password")
    return name


def _aws_ssm(name: str) -> str:
    if not _IN_AWS_SSM(name) or _climbs(name):
        raise ValueError(
            "aws-ssm: needs the parameter's name as AWS writes it, with a `/` before each level or with none: "
            "aws-ssm:///shop/db/password"
        )
    return name


def _climbs(name: str) -> bool:
    """Whether a part of the name is empty or made of dots. AWS has no folders; whoever reads the name may have."""
    where = name.removeprefix("//").removeprefix("/").partition("#")[0]
    return any(not part.strip(".") for part in where.split("/"))


def split_aws(reference: Reference) -> tuple[str, str]:
    """Name and field of an `aws-sm:` or `aws-ssm:` reference; an empty field is the whole secret."""
    name, _, field = reference.name.removeprefix("//").partition("#")
    return name, field


_READERS: Final[Mapping[str, Callable[[str], str]]] = {
    "env": _variable,
    "file": _path,
    "mounted": _path,
    "keyring": _keyring,
    "sealed": _sealed,
    "vault": _vault,
    "aws-sm": _aws_sm,
    "aws-ssm": _aws_ssm,
    "lease": _lease,
}
SCHEMES: Final = tuple(_READERS)
"""What references begin with."""
