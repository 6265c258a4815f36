"""`[aws]`: the account of Amazon Web Services that `aws-sm:` and `aws-ssm:` references are read from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from .reference import parse_reference
from .section import Frozen
from .section_vault import Address
from .units import Seconds


def _elsewhere(text: str) -> str:
    if text and parse_reference(text).scheme.startswith("aws"):
        raise ValueError("the key that opens AWS can't be kept there: env:NAME, file:/absolute/path or sealed:NAME")
    return text


AccessKey = Annotated[str, AfterValidator(_elsewhere)]
KmsKey = Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]{1,64}$")]


class AwsSection(Frozen):
    """AWS Secrets Manager and Systems Manager Parameter Store; needs `garrison[aws]`."""

    region: Annotated[str, Field(pattern=r"^([a-z]{2}(-[a-z]+)+-[0-9]{1,2})?$")] = ""
    """Where the secrets are: `eu-central-1`. Empty: what `AWS_DEFAULT_REGION` or the AWS configuration says."""
    access_key: AccessKey = ""
    """Where the access key's id is kept, as a reference. Empty: the role that boto3 finds, of machine, pod or task."""
    secret_key: AccessKey = ""
    """Where the secret access key is kept, as a reference."""
    endpoints: Mapping[Literal["secretsmanager", "ssm"], Address] = Field(default_factory=dict)
    """Addresses other than AWS's own: of an interface endpoint without private DNS."""
    ca: str = ""
    """File with the authorities that may have signed the servers' certificates; empty takes those of `certifi`."""
    timeout: Annotated[Seconds, Field(gt=0, le=60)] = 5.0
    """How long one answer may take, over three attempts; between them up to three seconds are waited."""
    account: Annotated[str, Field(pattern=r"^([0-9]{12})?$")] = ""
    """The account's number, for `garrison secrets policy`; empty writes `*`."""
    kms_keys: tuple[KmsKey, ...] = ()
    """Keys of your own (ARN) that the secrets are encrypted with, for `garrison secrets policy`."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.access_key) != bool(self.secret_key):
            raise ValueError("`access_key` and `secret_key` go together; both empty takes the role of the machine")
        return self
