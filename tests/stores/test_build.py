"""From the policy to its stores."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from garrison.core.clock import SYSTEM
from garrison.core.errors import DependencyError, OperatorError
from garrison.core.ports import Quota
from garrison.policy import Policy
from garrison.policy.problems import PolicyInvalid
from garrison.secrets import SecretMissing
from garrison.stores import (
    MemoryCounters,
    MemoryRecords,
    SqliteRecords,
    StoreFileRefused,
    StoreFull,
    StoreLibraryMissing,
    Stores,
    build_stores,
)
from garrison.stores.fallback import FallbackCounters
from garrison.stores.redis_records import RedisRecords
from tests.support.revealing import revealing

pytestmark = pytest.mark.anyio


def build(tmp_path: Path, environ: Mapping[str, str] | None = None, **keys: Any) -> Stores:
    policy = Policy(hosts=("a.example",), state=str(tmp_path / "state"), **keys)
    return build_stores(policy, revealing(environ or {}), SYSTEM, lambda away, why: None)


async def test_memory_is_built_with_the_policy_s_bounds(tmp_path: Path) -> None:
    stores = build(tmp_path, store="memory", processes=4, rate={"max_keys": 1000})
    assert isinstance(stores.counters, MemoryCounters)
    assert isinstance(stores.records, MemoryRecords)
    for number in range(3000):
        stores.counters.take([(Quota("q", 4, 60.0, 4), str(number))])
    assert len(stores.counters) <= 1000
    assert not stores.counters.take([(Quota("p", 4, 60.0, 4), "k")], cost=2)[0].allowed
    assert not (tmp_path / "state").exists()


async def test_processes_of_all_machines_share_a_limit_that_each_counts_for_itself(tmp_path: Path) -> None:
    stores = build(tmp_path, store="memory", processes=2, machines=3)
    quota = Quota("q", 12, 60.0, 12)
    passed = [stores.counters.take([(quota, "k")])[0].allowed for _ in range(12)]  # type: ignore[index]  # it is local
    assert passed.count(True) == 2


async def test_by_default_records_survive_a_restart(tmp_path: Path) -> None:
    first = build(tmp_path)
    assert isinstance(first.records, SqliteRecords)
    await first.records.put("session", "1", {"principal": "ann"})
    await first.close()
    again = build(tmp_path)
    assert await again.records.get("session", "1") is not None
    await again.close()


async def test_control_in_memory_they_do_not(tmp_path: Path) -> None:
    await build(tmp_path, store="memory").records.put("session", "1", {})
    assert await build(tmp_path, store="memory").records.get("session", "1") is None


async def test_the_file_and_its_folder_are_for_this_user_alone(tmp_path: Path) -> None:
    stores = build(tmp_path)
    await stores.records.put("session", "1", {})
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "state").iterdir()}
    await stores.close()
    assert set(modes.values()) == {0o600}
    assert "records.db-wal" in modes
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def open_to_others(state: Path) -> None:
    state.mkdir(0o755)


def a_link(state: Path) -> None:
    (state.parent / "elsewhere").mkdir(0o700)
    state.symlink_to(state.parent / "elsewhere")


def a_file_that_is_no_database(state: Path) -> None:
    state.mkdir(0o700)
    (state / "records.db").touch(0o600)
    (state / "records.db").write_bytes(b"not a database, but long enough to be taken for one" * 100)


def a_file_in_the_place_of_the_folder(state: Path) -> None:
    state.write_text("x", encoding="ascii")


@pytest.mark.parametrize(
    "spoil", [open_to_others, a_link, a_file_that_is_no_database, a_file_in_the_place_of_the_folder]
)
def test_a_place_that_is_not_safe_stops_the_start_and_says_what_to_do(tmp_path: Path, spoil: Any) -> None:
    spoil(tmp_path / "state")
    with pytest.raises(StoreFileRefused, match=r'store = "memory"'):
        build(tmp_path)


@pytest.mark.parametrize(
    "store", ["redis://h", "rediss://u:env:PW@h:1/3", "redis+sentinel://a,b/primary", "rediss+cluster://a,b", "env:URL"]
)
async def test_a_shared_store_is_built_without_asking_it(tmp_path: Path, store: str) -> None:
    stores = build(tmp_path, {"PW": "hunter2", "URL": "redis://:hunter2@h"}, store=store)
    assert isinstance(stores.counters, FallbackCounters)
    assert isinstance(stores.records, RedisRecords)
    assert not stores.degraded()
    await stores.close()


def test_a_reference_that_leads_nowhere_stops_the_start(tmp_path: Path) -> None:
    for store in ("env:URL", "redis://u:env:URL@h"):
        with pytest.raises(SecretMissing, match="URL") as caught:
            build(tmp_path, store=store)
        assert isinstance(caught.value, OperatorError)


def test_without_the_library_the_start_is_refused_and_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_redis(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "redis" and not (len(rest) > 3 and rest[3]):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest)

    for name in [name for name in sys.modules if name.startswith("garrison.stores.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without_redis)
    with pytest.raises(Exception, match=r"garrison\[redis\]") as caught:
        build(tmp_path, store="redis://h")
    assert type(caught.value).__name__ == StoreLibraryMissing.__name__


def test_a_full_store_is_a_failing_dependency_and_not_the_operator_s_mistake() -> None:
    assert issubclass(StoreFull, DependencyError)


def test_a_wrong_address_stops_the_policy_and_shows_no_password() -> None:
    addresses: Sequence[str] = ["redis://:hunter2@10.0.0.5/0", "rediss://u:hunter2@h", "reddis://hunter2@h", "hunter2"]
    for store in addresses:
        with pytest.raises(PolicyInvalid, match="store") as caught:
            Policy(hosts=("a.example",), store=store)
        assert "hunter2" not in str(caught.value)
