"""Everything that one server can do for an application, behind one wrapping token: its certificates, its signatures
under the audit log, and a database user for each worker."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from garrison.policy.model import Policy
from garrison.secrets.transit import all_transit_lines
from garrison.serve.issuing.vault_pki import pki_lines
from tests.cli.conftest import here as here
from tests.cli.running import Here
from tests.cli.serving import serving
from tests.serve.issuing.test_renewing import Client
from tests.serve.issuing.test_vault_pki import NAME, root_file, section_of
from tests.serve.workers.conftest import wait_until
from tests.serve.workers.test_first_secret import APP
from tests.support.bao import Bao
from tests.support.leasing import Leasing
from tests.support.pebble import free_port

__all__ = ["here"]
pytestmark = [pytest.mark.server, pytest.mark.xdist_group("bao")]
KEY = "together"


def wrapped(bao: Bao, role: str, file: Path) -> str:
    """Put a wrapping token for a secret id of `role` into `file`; what makes it."""
    approle = bao.root.auth.approle
    file.touch(0o600)
    file.write_text(approle.generate_secret_id(role, wrap_ttl="10m")["wrap_info"]["token"])
    return f"auth/approle/role/{role}/secret-id"


def test_one_wrapping_token_serves_certificates_signed_checkpoints_and_database_users(
    here: Here, pki: Bao, leasing: Leasing
) -> None:
    pki.root.sys.enable_secrets_engine("transit", path="together")
    pki.wait(lambda: pki.root.write_data(f"together/keys/{KEY}", data={"type": "ed25519"}))
    leasing.role("together", "20m", "20m")
    file = here.folder / "handed"
    section = {**section_of(pki), "secret_id": f"file:{file}", "transit_mount": "together"}
    vault = Policy(vault={**section, "transit": {KEY: ["sign"]}}).vault
    role, _ = pki.role("together", "\n".join([*pki_lines(vault), *all_transit_lines(vault), leasing.lines("together")]))
    section["unwrap"] = wrapped(pki, "together", file)
    text = "\n".join(f'{name} = "{value}"' for name, value in section.items())
    here.write("live.py", APP)
    here.write(
        "garrison.toml",
        f"""
preset = "api"
hosts = ["{NAME}"]
state = "state"
[audit]
transit = "{KEY}"
[vault]
{text}
[vault.transit]
{KEY} = ["sign"]
[secrets.named]
"db.dsn" = "{leasing.template("together")}"
""",
    )
    port, environ = free_port(), {"GARRISON_KEY": secrets.token_urlsafe(32), "ROLE": role}
    options = ("--workers", "2", "--domain", NAME, "--host", "127.0.0.1", "--port", str(port))
    with serving(here, "serve", "live:app", *options, until="Serving on", **environ) as process:
        wait_until(lambda: len(leasing.users("together")) == 2, 90)
        assert Client(port, root_file(pki, here.folder)).serial()  # TLS is verified against the engine's root
        assert process.stop() == 0
    assert leasing.users("together") == set()
    operator = {
        **environ, "VAULT_TOKEN": pki.root.token, "GARRISON_VAULT__AUTH": "token",
        "GARRISON_VAULT__TOKEN": "env:VAULT_TOKEN", "GARRISON_VAULT__UNWRAP": "",
    }  # fmt: skip
    verified = here.run("audit", "verify", **operator)
    assert verified.code == 0, verified.out + verified.err
    assert here.run("audit", "verify", **operator, GARRISON_AUDIT__TRANSIT="").code == 1, "control: no root key signed"
