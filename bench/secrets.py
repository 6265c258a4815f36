"""What secrets cost: 200 references read from OpenBao against as many plain reads with hvac, at once; one look later.

Both sides read the same 200 secrets in 16 threads over TLS, each with one client that is logged in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import hvac
import requests

from garrison.policy.model import Policy
from garrison.secrets.named import Secrets
from garrison.secrets.resolver import Resolver
from garrison.secrets.vault import read_line
from tests.support.bao import MOUNT, Bao

from .harness import Result, Size, interleave, middle_half, result

THREADS = 16
ROUNDS = 11


def measure(size: Size) -> list[Result]:
    many = size.of(200)
    with TemporaryDirectory() as folder, Bao(Path(folder)) as bao:
        for number in range(many):
            bao.put(f"bench/{number}", value=str(number))
        role, secret = bao.role("bench", read_line(MOUNT, "bench/*"))
        vault = {"address": bao.url, "ca": str(bao.ca), "role_id": "env:ROLE", "secret_id": "env:ID"}
        named = {f"n{number}": f"vault://{MOUNT}/bench/{number}#value" for number in range(many)}
        policy = Policy(vault=vault, secrets={"named": named})
        secrets = Secrets(policy.secrets, Resolver.from_policy(policy, {"ROLE": role, "ID": secret}))
        assert secrets.get(f"n{many - 1}").reveal() == str(many - 1)
        client = _client(bao)
        client.auth.approle.login(role, secret)  # the same rights: the server takes longer over them than over root's
        ratios = []
        for _ in range(size.of(ROUNDS, least=2)):
            ours = _wall(lambda: _read(secrets))
            ratios.append(ours / _wall(lambda: _plain(client, many)))
        look = interleave({"look": lambda count: [secrets.get("n0") for _ in range(count)]}, size)
        secrets.close()
    return [
        result(
            "secrets.resolve", median(ratios), "x", must="<= 2", versus=f"{many} plain hvac reads, as many at once",
            spread=middle_half(ratios),
        ),
        result("secrets.look", look.microseconds("look"), "µs", versus="one by its name", spread=look.spread("look")),
    ]  # fmt: skip


def _wall(once: Callable[[], None]) -> float:
    """Seconds on the clock: most of them are spent waiting."""
    start = time.perf_counter()
    once()
    return time.perf_counter() - start


def _read(secrets: Secrets) -> None:
    _, failed = secrets.read()
    assert not failed


def _client(bao: Bao) -> Any:
    session = requests.Session()
    session.verify = str(bao.ca)
    session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=THREADS))
    return hvac.Client(bao.url, token="", session=session)


def _plain(client: Any, many: int) -> None:
    kv = client.secrets.kv.v2

    def one(number: int) -> str:
        answer = kv.read_secret_version(f"bench/{number}", mount_point=MOUNT, raise_on_deleted_version=True)
        return str(answer["data"]["data"]["value"])

    with ThreadPoolExecutor(THREADS) as pool:
        assert len(list(pool.map(one, range(many)))) == many
