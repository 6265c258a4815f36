"""An AWS that is not Amazon's: moto on loopback behind TLS, with accounts of its own; and one that only fails."""

from __future__ import annotations

import http.server
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import boto3  # type: ignore[import-untyped]  # it tells no types
import requests
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from .valkey_links import make_certificate

REGION: Final = "eu-central-1"
KEYS: Final = {"ID": "AKIAEXAMPLE", "SECRET": "not-a-real-one"}


class _Handler(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Quiet."""


class _Told:
    """moto tells refusals of IAM in XML, with the codes of services that speak it; these two speak JSON."""

    _CODES: Final = {
        b"AccessDenied": "AccessDeniedException", b"SignatureDoesNotMatch": "InvalidSignatureException",
        b"InvalidClientTokenId": "UnrecognizedClientException",
    }  # fmt: skip

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        if "HTTP_X_AMZ_TARGET" not in environ:
            return self._app(environ, start)
        begun: list[Any] = []
        body = b"".join(self._app(environ, lambda *given: begun.append(given)))
        status, headers, *_ = begun[0]
        code = re.search(rb"<Code>(\w+)</Code>", body)
        if code:
            status, body = "400 Bad Request", json.dumps({"__type": self._CODES[code[1]]}).encode()
            headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start(status, headers)
        return [body]


class Amazon:
    """`url` answers as AWS does; its certificate is known by `ca`. `client` may do everything."""

    def __init__(self, folder: Path) -> None:
        self.ca, key = make_certificate(folder)
        app = _Told(DomainDispatcherApplication(create_backend_app))
        pair = (str(self.ca), str(key))
        self._server = make_server("127.0.0.1", 0, app, True, request_handler=_Handler, ssl_context=pair)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"https://localhost:{self._server.server_port}"

    @cache  # noqa: B019 - one server a run
    def client(self, service: str) -> Any:
        return boto3.client(
            service, region_name=REGION, endpoint_url=self.url, verify=str(self.ca), aws_access_key_id=KEYS["ID"],
            aws_secret_access_key=KEYS["SECRET"],
        )  # fmt: skip

    def section(self, **more: Any) -> dict[str, Any]:
        """`[aws]` for this server."""
        endpoints = {"secretsmanager": self.url, "ssm": self.url}
        keys = {"access_key": "env:ID", "secret_key": "env:SECRET"}
        return {"region": REGION, "ca": str(self.ca), "endpoints": endpoints, **keys, **more}

    def put(self, name: str, text: str) -> None:
        """A secret of Secrets Manager, made or written anew."""
        manager = self.client("secretsmanager")
        try:
            manager.put_secret_value(SecretId=name, SecretString=text)
        except manager.exceptions.ResourceNotFoundException:
            manager.create_secret(Name=name, SecretString=text)

    def put_parameter(self, name: str, text: str, kind: str = "SecureString") -> None:
        self.client("ssm").put_parameter(Name=name, Value=text, Type=kind, Overwrite=True)

    def user(self, name: str, policy: dict[str, Any]) -> dict[str, str]:
        """The access key of a user who has `policy` and nothing else."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"ID": key["AccessKeyId"], "SECRET": key["SecretAccessKey"]}

    @contextmanager
    def asking_for_rights(self) -> Iterator[None]:
        """Signatures and policies are checked meanwhile."""
        self._tell("reset-auth", "0")
        try:
            yield
        finally:
            self._tell("reset-auth", "Infinity")

    def close(self) -> None:
        self._tell("reset", "")  # its memory is the process's
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _tell(self, what: str, body: str) -> None:
        requests.post(f"{self.url}/moto-api/{what}", data=body, verify=str(self.ca), timeout=10).raise_for_status()


@dataclass
class Failing:
    """What a server that only fails answers with: `codes` one after the other, then the last again; `asked` counts."""

    codes: list[str]
    wait: float = 0.0
    url: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def failing(*codes: str, wait: float = 0.0) -> Iterator[Failing]:
    """A server that answers as the API references say a failure is told."""
    told = Failing(list(codes), wait)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            code = told.codes[min(len(told.asked), len(told.codes) - 1)]
            told.asked.append(self.headers["X-Amz-Target"])
            time.sleep(told.wait)
            body = json.dumps({"__type": code, "message": "canary-in-the-message"}).encode()
            self.send_response(500 if "Internal" in code else 400)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # who asked has stopped waiting
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
