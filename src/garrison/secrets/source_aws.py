"""Secrets in AWS: `aws-sm://NAME#FIELD` (Secrets Manager) and `aws-ssm:///NAME` (Systems Manager Parameter Store).

What is current is read (the version AWSCURRENT, a parameter's newest), so that a rotation is put to use by the next
reading, and what is still being made (AWSPENDING) is not.

Threat: a parameter that is no SecureString lies there in clear, for everybody who may list parameters: it is refused.
Lets pass: whoever has a role that may read them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ..policy.reference import Reference, split_aws
from .aws import Aws
from .errors import SecretRefused
from .secret import Secret
from .source import as_secret


class SecretsManagerSource:
    """`aws-sm://shop/db#password`."""

    scheme = "aws-sm"

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def read(self, reference: Reference) -> Secret[str]:
        """As `Source.read`."""
        name, field = split_aws(reference)
        place = f"AWS's aws-sm://{name}"
        how_to_set = (
            f"Write it: `aws secretsmanager put-secret-value --secret-id {name} --secret-string file:///dev/stdin`."
        )
        found = self._aws.ask("secretsmanager", place, _get_secret(name), secret_right(name))
        if "SecretBinary" in found:
            raise SecretRefused(place, "it is not text", "Write it as a text (SecretString).")
        return _as_secret(found.get("SecretString"), field, place, how_to_set)


class ParameterStoreSource:
    """`aws-ssm:///shop/db/password`."""

    scheme = "aws-ssm"

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def read(self, reference: Reference) -> Secret[str]:
        """As `Source.read`."""
        name, field = split_aws(reference)
        place = f"AWS's aws-ssm://{name}"
        how_to_set = f"Write it: `aws ssm put-parameter --type SecureString --name {name} --value file:///dev/stdin`."
        found = self._aws.ask("ssm", place, _get_parameter(name), parameter_right(name))
        if found.get("Type") != "SecureString":
            raise SecretRefused(
                place, "it is kept in clear, not as a SecureString", f"Delete it, and make it anew. {how_to_set}"
            )
        return _as_secret(found.get("Value"), field, place, how_to_set)


def secret_right(name: str) -> str:
    """The right that a secret of Secrets Manager takes, as error texts say it."""
    return f"secretsmanager:GetSecretValue on secret:{name}-??????"


def parameter_right(name: str) -> str:
    """The right that a parameter takes, as error texts say it."""
    return f"ssm:GetParameter on parameter/{name.removeprefix('/')}"


def _get_secret(name: str) -> Callable[[Any], Any]:
    return lambda client: client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")


def _get_parameter(name: str) -> Callable[[Any], Any]:
    return lambda client: client.get_parameter(Name=name, WithDecryption=True)["Parameter"]


def _as_secret(text: object, field: str, place: str, how_to_set: str) -> Secret[str]:
    """The whole `text`, or a field of it that is text. Raises `SecretMissing` and `SecretRefused`."""
    if field:
        place = f"{place}, field {field}"
        fields = _fields(text)
        if fields is None:
            raise SecretRefused(place, "it has no fields: it is not a JSON object", "Leave out `#` and the field.")
        text = fields.get(field, "")
    if not isinstance(text, str):
        raise SecretRefused(place, "it is not text", "Write it as a text.")
    return as_secret(text, place, how_to_set)


def _fields(text: object) -> dict[str, Any] | None:
    """The object that `text` is in JSON; None for anything else. The parser's own error would hold all of `text`."""
    try:
        found = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
