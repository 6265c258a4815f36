"""Log-ins by a token that says who we are: JWT against a real mount with a key of ours, Kubernetes against a stand-in.

No cluster runs here: `Cluster` answers the one question that OpenBao asks a cluster (TokenReview), and nothing else.
What it can't show is that a real cluster answers so.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from garrison.policy.model import Policy
from garrison.policy.problems import PolicyInvalid
from garrison.secrets import SecretRefused
from garrison.secrets.resolver import Resolver
from garrison.secrets.vault import read_line
from tests.support.bao import MOUNT, Bao

CANARY = "canary-80b2aa"
WHERE = f"vault://{MOUNT}/identity/db#password"
ISSUER = "https://ci.example"

pytestmark = [pytest.mark.server, pytest.mark.xdist_group("bao")]


class Signer:
    """An issuer of tokens with a key of its own."""

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256")
        self.public = self._key.as_pem(private=False).decode()

    def sign(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "ES256"}, claims, self._key)

    def token(self, subject: str = "shop", audience: str = "vault", life: int = 600) -> str:
        now = int(time.time())
        claims = {"sub": subject, "aud": audience, "iss": ISSUER, "iat": now - 1000, "nbf": now - 1000}
        return self.sign({**claims, "exp": now + life})


@pytest.fixture(scope="module")
def issuer(bao: Bao) -> Signer:
    signer = Signer()
    bao.root.sys.enable_auth_method("jwt")
    bao.root.auth.jwt.configure(jwt_validation_pubkeys=[signer.public], bound_issuer=ISSUER)
    bao.root.sys.create_or_update_policy("identity", read_line(MOUNT, "identity/db"))
    bao.root.auth.jwt.create_role(
        "shop", user_claim="sub", allowed_redirect_uris=[], role_type="jwt", bound_audiences=["vault"],
        bound_subject="shop", token_policies=["identity"], token_ttl="1h",
    )  # fmt: skip
    bao.put("identity/db", password=CANARY)
    return signer


def section(bao: Bao, auth: str, reference: str = "env:JWT", **more: str) -> dict[str, str]:
    return {"address": bao.url, "ca": str(bao.ca), "auth": auth, "role": "shop", "jwt": reference, **more}


def read(values: dict[str, str], token: str) -> str:
    resolver = Resolver.from_policy(Policy(vault=values), {"JWT": token})
    try:
        return resolver.read(WHERE).reveal()
    finally:
        resolver.close()


def test_a_signed_token_logs_in(bao: Bao, issuer: Signer) -> None:
    assert read(section(bao, "jwt"), issuer.token()) == CANARY


@pytest.mark.parametrize("wrong", ["key", "subject", "audience", "ended", "nonsense"])
def test_a_token_that_does_not_fit_is_refused_and_not_repeated(bao: Bao, issuer: Signer, wrong: str) -> None:
    """The control is the token of the test before this one, which differs in one thing from each of these."""
    token = {
        "key": Signer().token(), "subject": issuer.token(subject="other"), "audience": issuer.token(audience="other"),
        "ended": issuer.token(life=-400), "nonsense": CANARY,
    }[wrong]  # fmt: skip
    with pytest.raises(SecretRefused, match="log-in by JWT") as caught:
        read(section(bao, "jwt"), token)
    assert token not in f"{caught.value}{caught.value.remedy}{caught.value.__context__}"


def test_the_token_is_read_anew_for_each_log_in(bao: Bao, issuer: Signer, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text(issuer.token(life=-400))
    resolver = Resolver.from_policy(Policy(vault=section(bao, "jwt", f"file:{path}")), {})
    with pytest.raises(SecretRefused):
        resolver.read(WHERE)
    path.write_text(issuer.token())
    assert resolver.read(WHERE).reveal() == CANARY
    assert resolver.vault is not None
    bao.root.auth.token.revoke(resolver.vault.client().token)
    assert resolver.read(WHERE).reveal() == CANARY
    resolver.close()


class Cluster:
    """Answers TokenReview as a cluster does: `tokens` are those it knows, with the account each belongs to."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                account = outer.tokens.get(asked["spec"]["token"])
                status: dict[str, Any] = {"authenticated": account is not None}
                if account is not None:
                    status["user"] = {"username": f"system:serviceaccount:prod:{account}", "uid": "1", "groups": []}
                body = json.dumps({**asked, "status": status}).encode()
                self.send_response(201)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                """Nothing is told on standard error."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def cluster(bao: Bao, issuer: Signer) -> Iterator[Cluster]:
    found = Cluster()
    bao.root.sys.enable_auth_method("kubernetes", path="k8s")
    bao.root.auth.kubernetes.configure(
        kubernetes_host=found.url, token_reviewer_jwt=account_token(issuer, "reviewer"), mount_point="k8s",
        disable_local_ca_jwt=True, kubernetes_ca_cert=bao.ca.read_text(),
    )  # fmt: skip
    bao.root.auth.kubernetes.create_role(
        "shop", bound_service_account_names=["shop"], bound_service_account_namespaces=["prod"],
        policies=["identity"], ttl="1h", mount_point="k8s",
    )  # fmt: skip
    yield found
    found.server.shutdown()
    bao.root.sys.disable_auth_method("k8s")


def account_token(issuer: Signer, name: str) -> str:
    """A service account's token; who it belongs to, the cluster says."""
    now = int(time.time())
    claims = {
        "sub": f"system:serviceaccount:prod:{name}", "iss": "kubernetes", "exp": now + 600,
        "iat": now - 10, "nbf": now - 10,
        "kubernetes.io": {"namespace": "prod", "serviceaccount": {"name": name, "uid": "1"}},
    }  # fmt: skip
    return issuer.sign(claims)


def test_a_service_account_that_the_cluster_knows_logs_in_and_another_does_not(
    bao: Bao, issuer: Signer, cluster: Cluster
) -> None:
    values = section(bao, "kubernetes", auth_mount="k8s")
    own, other, unknown = (account_token(issuer, name) for name in ("shop", "mailer", "shop "))
    cluster.tokens = {own: "shop", other: "mailer"}
    assert read(values, own) == CANARY
    for token in (other, unknown):
        with pytest.raises(SecretRefused, match="log-in by Kubernetes") as caught:
            read(values, token)
        assert token not in str(caught.value)


@pytest.mark.parametrize("auth", ["jwt", "kubernetes"])
def test_a_log_in_without_role_or_token_is_no_policy(auth: str) -> None:
    whole = {"address": "https://v:8200", "auth": auth, "role": "shop", "jwt": "env:J"}
    Policy(vault=whole)
    for left_out in ("role", "jwt"):
        with pytest.raises(PolicyInvalid, match="`role` and `jwt`"):
            Policy(vault={**whole, left_out: ""})
