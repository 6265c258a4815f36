"""Amazon Web Services, from the application's side: clients of boto3, and every failure of theirs as one of ours.

Threat: variables that somebody planted (AWS_ENDPOINT_URL, AWS_DATA_PATH, AWS_CA_BUNDLE, HTTPS_PROXY) lead our questions
and the answers elsewhere, so addresses, authorities and proxies come from the policy and nothing else; a log at level
DEBUG, where botocore writes whole answers, so nothing of it is logged while a secret is read.
Assumption: boto3, whose clients may be used by many threads. Lets pass: whoever has the role or the key; and boto3's
own ways to find them, which the user's AWS configuration and the platform's variables steer.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache
from threading import Lock
from typing import Any, Final, Literal

from ..policy.section_aws import AwsSection
from .aws_failures import LogInRefused, failure_of, no_log_in
from .errors import SecretMissing, SecretRefused, SourceAway
from .secret import Secret

Service = Literal["secretsmanager", "ssm"]
SERVICES: Final[Mapping[Service, str]] = {"secretsmanager": "AWS Secrets Manager", "ssm": "AWS Parameter Store"}
"""What is asked, by the name that boto3 has for it."""
_ATTEMPTS: Final = 3
_CONNECTIONS: Final = 32


class Aws:
    """One account and region. `credential` gives what the policy's references stand for, whenever it is needed."""

    def __init__(self, section: AwsSection, credential: Callable[[str], Secret[str]]) -> None:
        self.section = section
        self._credential = credential
        self._lock = Lock()
        self._process = os.getpid()
        self._session: Any = None
        self._clients: dict[str, Any] = {}

    def ask(self, service: Service, what: str, call: Callable[[Any], Any], needs: str) -> Any:
        """What `call` gets from a client of `service`. `needs` is the right that it takes, as IAM calls it.

        Blocks, for a bounded time. Raises `SecretMissing`, `SecretRefused` and `SourceAway`.
        """
        client = self._client(service)
        try:
            return self._answer(SERVICES[service], what, lambda: call(client), needs)
        except LogInRefused:
            self._forget()
            raise

    def steps(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """What has to work before a secret can be read. Each raises as `ask`."""
        yield "the AWS region", lambda: self._client("secretsmanager")
        yield "the AWS log-in", self._log_in

    def _log_in(self) -> None:
        place = "the AWS log-in"
        found = self._answer(place, place, self._session.get_credentials, "")
        if found is None:
            raise no_log_in(place)
        self._answer(place, place, found.get_frozen_credentials, "")

    def _client(self, service: Service) -> Any:
        place = SERVICES[service]
        with self._lock:
            if self._process != os.getpid():  # a forked worker: what it inherited is its parent's connections
                self._session, self._clients, self._process = None, {}, os.getpid()
            if service not in self._clients:
                self._session = self._session or self._answer(place, place, lambda: self._open(place), "")
                self._clients[service] = self._answer(place, place, lambda: self._make(service), "")
                _hush()
            return self._clients[service]

    def _forget(self) -> None:
        """Read the access key anew for the next question: it is rotated where it is kept."""
        if self.section.access_key:
            with self._lock:
                self._session, self._clients = None, {}

    def _open(self, place: str) -> Any:
        try:
            from botocore.session import Session  # type: ignore[import-untyped]  # it tells no types
        except ImportError:
            why, remedy = "the package 'boto3' is not installed", 'Install it with: pip install "garrison[aws]"'
            raise SourceAway(place, why, remedy) from None
        _hush()
        made, section = Session(), self.section
        made.register_component("data_loader", _descriptions())
        made.set_default_client_config(self._limits())  # holds for what it asks by itself, to take on a role
        if section.access_key:
            made.set_credentials(*(self._credential(one).reveal() for one in (section.access_key, section.secret_key)))
        return made

    def _make(self, service: Service) -> Any:
        section = self.section
        return self._session.create_client(
            service, region_name=section.region or None, endpoint_url=section.endpoints.get(service),
            config=self._limits(), verify=section.ca or True,
        )  # fmt: skip

    def _limits(self) -> Any:
        from botocore.config import Config  # type: ignore[import-untyped]  # as above

        wait = self.section.timeout / _ATTEMPTS
        return Config(
            connect_timeout=wait, read_timeout=wait, retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
            max_pool_connections=_CONNECTIONS, proxies={}, ignore_configured_endpoint_urls=True,
        )  # fmt: skip

    def _answer(self, place: str, what: str, call: Callable[[], Any], needs: str) -> Any:
        """As `ask`. The kind of a failure alone is told on: the text of an answer may hold anything."""
        token = _reading.set(True)
        try:
            return call()
        except (SecretMissing, SecretRefused, SourceAway):
            raise
        except Exception as error:  # noqa: BLE001 - boto3 raises errors of its own, of botocore, of urllib3; all are told
            failure = failure_of(error, place, what, needs, self.section.timeout)
        finally:
            _reading.reset(token)
        raise failure  # out here, so that it doesn't carry the other one, and what that one has read


@cache
def _descriptions() -> Any:
    """The descriptions of AWS's services that botocore ships, and no others: they say where a question goes."""
    from botocore.loaders import Loader  # type: ignore[import-untyped]  # as above

    return Loader([Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)


_reading: ContextVar[bool] = ContextVar("garrison_aws_reading", default=False)


class _Quiet(logging.Filter):
    """Nothing while we read: at level DEBUG botocore logs whole answers, and the tokens of its own log-in."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _reading.get()


_QUIET: Final = _Quiet()


def _hush() -> None:
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in {"boto3", "botocore", "urllib3"}:
            logging.getLogger(name).addFilter(_QUIET)
