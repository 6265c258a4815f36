"""Checkpoints into an S3 bucket (or what speaks its protocol): one object each, and none is ever written over.

Threat: whoever takes the machine over has what it sends with. So a write is conditional (`If-None-Match: *`): the store
refuses a second object of the same name, and with a policy that grants `s3:PutObject` alone, only in this form, nothing
that was sent can be changed. A bucket with Object Lock holds that against its owner too.

Assumption: credentials come from where boto3 finds them (the environment, a role of the machine). An answer that was
lost is asked for again: that the object is there already means that it was sent, since its name holds its digest.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

from ...core.errors import OperatorError
from ..links import BadLink, Link

TIMEOUT: Final = 4.0
_TAKEN: Final = frozenset({"PreconditionFailed", "412"})


class S3Missing(OperatorError):
    """The package that speaks to S3 is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Sending checkpoints to S3 needs the package 'boto3', which is not installed.",
            remedy='pip install "garrison[s3]"',
            reference="docs/audit.md",
        )


class S3Place:
    """Puts checkpoints into `s3://bucket/prefix`. Raises `S3Missing`, `BadLink`."""

    def __init__(self, link: Link) -> None:
        self._bucket, self._prefix = link.host, link.path.strip("/")
        self.name = f"s3:{self._bucket}"
        self._client = _client(link)

    def send(self, note: str) -> None:
        from botocore.exceptions import ClientError  # type: ignore[import-untyped]  # it ships no types

        body = note.encode()
        digest = hashlib.sha256(body).digest()
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=self._key(note, digest), Body=body, IfNoneMatch="*",
                ContentType="text/plain; charset=utf-8", ChecksumSHA256=base64.b64encode(digest).decode(),
                ChecksumAlgorithm="SHA256",  # a bucket with Object Lock asks for this header
            )  # fmt: skip
        except ClientError as error:
            if error.response["Error"]["Code"] not in _TAKEN:
                raise

    def _key(self, note: str, digest: bytes) -> str:
        """`prefix/origin/size-digest`: in order of size, and another one for other content."""
        origin, size = note.split("\n", 2)[:2]
        plain = "".join(one if one.isalnum() or one in "-_." else "_" for one in origin)
        return "/".join(filter(None, (self._prefix, plain, f"{int(size):012d}-{digest.hex()[:16]}.txt")))


def _client(link: Link) -> Any:
    try:
        import boto3  # type: ignore[import-untyped]  # as above
        from botocore.config import Config  # type: ignore[import-untyped]  # as above
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise S3Missing from None
    waits = Config(connect_timeout=TIMEOUT, read_timeout=TIMEOUT, retries={"total_max_attempts": 1})
    try:
        return boto3.client("s3", config=waits)
    except (BotoCoreError, ValueError) as error:
        raise BadLink(link.url, str(error)) from None
