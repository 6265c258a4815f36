"""The IAM policy with the least rights that references into AWS need.

Sources: AWS Service Authorization Reference (Secrets Manager, Systems Manager, KMS). Secrets Manager puts a hyphen and
six characters of its own behind a secret's name in the ARN. AWS's own KMS keys (`aws/secretsmanager`, `aws/ssm`) need
no right; keys of the account do, and here through the two services alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..policy.reference import Reference, split_aws
from ..policy.section_aws import AwsSection


def iam_policy(section: AwsSection, references: Iterable[Reference]) -> dict[str, Any]:
    """The policy document; without statements when none of the `references` leads into AWS."""
    found = list(references)
    secrets = sorted({_secret_arn(section, split_aws(one)[0]) for one in found if one.scheme == "aws-sm"})
    parameters = sorted({_parameter_arn(section, split_aws(one)[0]) for one in found if one.scheme == "aws-ssm"})
    statements = []
    if secrets:
        statements.append(_allow("secretsmanager:GetSecretValue", secrets))
    if parameters:
        statements.append(_allow("ssm:GetParameter", parameters))
    if statements and section.kms_keys:
        services = ["secretsmanager"] * bool(secrets) + ["ssm"] * bool(parameters)
        end = "amazonaws.com.cn" if _partition(section) == "aws-cn" else "amazonaws.com"
        via = [f"{service}.{section.region or '*'}.{end}" for service in services]
        condition = {"StringLike": {"kms:ViaService": via}}
        statements.append({**_allow("kms:Decrypt", sorted(section.kms_keys)), "Condition": condition})
    return {"Version": "2012-10-17", "Statement": statements}


def _allow(action: str, resources: list[str]) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resources}


def _secret_arn(section: AwsSection, name: str) -> str:
    return f"{_arn(section, 'secretsmanager')}:secret:{name}-??????"


def _parameter_arn(section: AwsSection, name: str) -> str:
    return f"{_arn(section, 'ssm')}:parameter/{name.removeprefix('/')}"


def _arn(section: AwsSection, service: str) -> str:
    return f"arn:{_partition(section)}:{service}:{section.region or '*'}:{section.account or '*'}"


def _partition(section: AwsSection) -> str:
    start = section.region.partition("-")[0]
    if start == "cn":
        return "aws-cn"
    return "aws-us-gov" if section.region.startswith("us-gov-") else "aws"
