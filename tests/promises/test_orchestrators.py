"""What the documentation gives Kubernetes, Compose and systemd is what they take, and what Garrison reads."""

from __future__ import annotations

import configparser
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from garrison.policy.reference import parse_reference
from tests.support.components import need

PAGE = (Path(__file__).resolve().parents[2] / "docs/secrets/mounted.md").read_text("utf-8")


def block(title: str) -> str:
    found = re.search(rf'```\w+ title="{re.escape(title)}"\n(.*?)```', PAGE, re.DOTALL)
    assert found, title
    return found[1]


def test_kubernetes_mounts_every_secret_where_the_policy_reads_it() -> None:
    secret, deployment = yaml.safe_load_all(block("shop.yaml"))
    assert set(secret) == {"apiVersion", "kind", "metadata", "stringData"}
    assert set(deployment) == {"apiVersion", "kind", "metadata", "spec"}
    pod: dict[str, Any] = deployment["spec"]["template"]["spec"]
    assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]
    (volume,), (mount,) = pod["volumes"], pod["containers"][0]["volumeMounts"]
    assert (volume["name"], volume["secret"]["secretName"]) == (mount["name"], secret["metadata"]["name"])
    assert volume["secret"]["defaultMode"] & 0o037 == 0  # nobody but the group reads it, and nobody writes it
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsUser"]
    named = {Path(parse_reference(one).name) for one in re.findall(r'"(mounted:/run/secrets/shop/[^"]+)"', PAGE)}
    assert {path.parent for path in named} == {Path(mount["mountPath"])}
    assert {path.name for path in named} == set(secret["stringData"])


def test_compose_hands_the_service_what_it_declares() -> None:
    file = yaml.safe_load(block("compose.yaml"))
    assert set(file) == {"services", "secrets"}
    assert file["services"]["shop"]["secrets"] == list(file["secrets"])
    assert all(set(one) == {"file"} for one in file["secrets"].values())


def test_systemd_takes_the_unit_without_a_word(tmp_path: Path) -> None:
    need("systemd-analyze")
    unit = tmp_path / "shop.service"
    # It looks for the program, and this machine need not have one there.
    unit.write_text(block("shop.service").replace("/usr/bin/garrison", "/bin/true"), "utf-8")
    command = ["systemd-analyze", "verify", "--recursive-errors=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "shop.service" in line]
    assert (said, done.returncode) == ([], 0)
    unit.write_text(unit.read_text("utf-8").replace("LoadCredential=", "LoadCredentals="), "utf-8")
    wrong = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "LoadCredentals" in wrong.stdout + wrong.stderr  # control: a misspelt key is told


def test_the_unit_loads_what_the_policy_reads() -> None:
    unit = configparser.ConfigParser(strict=False, delimiters=("=",), interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # keys of units have capitals
    unit.read_string(block("shop.service"))
    loaded = {unit["Service"][key].partition(":")[0] for key in ("LoadCredential", "LoadCredentialEncrypted")}
    named = set(re.findall(r'"mounted:/run/credentials/shop\.service/([^"]+)"', PAGE))
    assert named <= loaded
    assert named
