"""Secrets in folders as orchestrators mount them: followed through their own links, and through no others."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from garrison.config import ConfigInvalid, Live, load_config
from garrison.policy.reference import Reference
from garrison.secrets import Secret, SecretMissing, SecretRefused
from garrison.secrets.mounted import read_mounted
from garrison.secrets.source_mounted import MountedSource
from tests.config.schema import DSN, KEY, WHOLE, Shop, with_places


def kubernetes(folder: Path, day: str, values: dict[str, str], mode: int = 0o400) -> None:
    """What the kubelet does: a folder of the day, files linked through `..data`, which is swapped at once."""
    fresh = folder / f"..2026_11_{day}"
    fresh.mkdir(0o755)
    for name, value in values.items():
        (fresh / name).write_text(value)
        (fresh / name).chmod(mode)
    beside = folder / "..data_tmp"
    beside.symlink_to(fresh.name)
    beside.rename(folder / "..data")
    for name in values:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "secrets"
    made.mkdir(0o755)
    return made


@pytest.fixture
def mount(folder: Path) -> Iterator[Path]:
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "none", str(folder)], capture_output=True)
    if done.returncode:
        pytest.skip("mounting takes the superuser's rights")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_secrets_as_kubernetes_mounts_them_are_read(mount: Path) -> None:
    kubernetes(mount, "01", {"db.dsn": DSN, "key": KEY, "unrelated": "x"}, mode=0o644)
    config = load_config(with_places(secrets_dir=mount), (), {"SHOP_NAME": "shop"})
    assert (config.db.dsn, config.key) == (Secret(DSN), Secret(KEY))
    assert config.source("db.dsn").path == mount / "db.dsn"


def test_control_the_same_folder_without_a_mount_is_open_to_everybody(folder: Path) -> None:
    kubernetes(folder, "01", {"db.dsn": DSN, "key": KEY}, mode=0o644)
    with pytest.raises(ConfigInvalid, match="open to other users"):
        load_config(with_places(secrets_dir=folder), (), {"SHOP_NAME": "shop"})


def test_a_file_as_compose_mounts_it_is_read(folder: Path) -> None:
    outside = folder.parent / "of the host"
    outside.write_text("token-0f-the-host")
    (folder / "mail.token").touch(0o644)
    done = subprocess.run(["mount", "--bind", str(outside), str(folder / "mail.token")], capture_output=True)
    if done.returncode:
        pytest.skip("mounting takes the superuser's rights")
    try:
        outside.chmod(0o444)
        assert load_config(with_places(secrets_dir=folder), (), dict(WHOLE)).mail.token == Secret("token-0f-the-host")
    finally:
        subprocess.run(["umount", str(folder / "mail.token")], check=True)
    (folder / "mail.token").write_text("token-0f-the-host")
    with pytest.raises(ConfigInvalid, match="open to other users"):  # control: the same file, and no mount
        load_config(with_places(secrets_dir=folder), (), dict(WHOLE))


def test_systemd_credentials_are_read_from_where_systemd_says(folder: Path) -> None:
    for name, value in (("db.dsn", DSN), ("SHOP_KEY", KEY)):
        (folder / name).write_text(value)
        (folder / name).chmod(0o400)
    config = load_config(Shop, (), {"SHOP_NAME": "shop", "CREDENTIALS_DIRECTORY": str(folder)})
    assert (config.db.dsn, config.key) == (Secret(DSN), Secret(KEY))


def test_the_content_of_a_mounted_file_is_the_secret_and_no_reference(folder: Path) -> None:
    (folder / "mail.token").write_text("env:SHOP_KEY")
    (folder / "mail.token").chmod(0o400)
    assert load_config(with_places(secrets_dir=folder), (), dict(WHOLE)).mail.token == Secret("env:SHOP_KEY")


def test_a_swapped_link_is_put_to_use_at_the_next_reading_and_told(folder: Path) -> None:
    kubernetes(folder, "01", {"db.dsn": DSN})
    events: list[tuple[str, Any]] = []
    live = Live(
        with_places(secrets_dir=folder), (), {"SHOP_NAME": "shop", "SHOP_KEY": KEY},
        emit=lambda event, facts=None, /, **data: events.append((event, data)),
    )  # fmt: skip
    told: list[Secret[str]] = []
    live.on_change("db.dsn", told.append)
    live.on_change("db.dsn", lambda new: 1 / 0)
    assert live.refresh() == []
    new = DSN.replace("Zk41xq8Pw2", "Pw2Zk41xq8")
    kubernetes(folder, "02", {"db.dsn": new})
    assert live.refresh() == ["db.dsn"]
    assert told == [Secret(new)] == [live.now.db.dsn]
    kubernetes(folder, "03", {"db.dsn": "postgresql://shop:admin@db.example.com/shop"})
    assert live.refresh() == live.refresh() == ()
    assert live.now.db.dsn == Secret(new)  # what would not start is not put to use either
    kubernetes(folder, "04", {"db.dsn": new})
    live.refresh()
    assert [name for name, _ in events] == [
        "secret_rotated", "secret_rotation_failed", "service_degraded", "service_recovered",
    ]  # fmt: skip
    assert "Zk41xq8Pw2" not in str(events)


def test_a_running_application_takes_the_new_secret_without_a_restart(folder: Path) -> None:
    kubernetes(folder, "01", {"mail.token": "first-t0ken-value"})
    live = Live(with_places(secrets_dir=folder), (), dict(WHOLE))

    async def run() -> None:
        told = asyncio.Event()
        live.on_change("mail.token", lambda new: told.set())
        async with live.keeping(0.01):
            kubernetes(folder, "02", {"mail.token": "second-t0ken-value"})
            await asyncio.wait_for(told.wait(), 30)
            assert live.now.mail.token == Secret("second-t0ken-value")

    asyncio.run(run())


def test_a_listener_may_be_async_and_holds_the_old_value_until_it_ends(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kubernetes(folder, "01", {"mail.token": "first-t0ken-value"})
    live = Live(with_places(secrets_dir=folder), (), dict(WHOLE))
    holds: list[Callable[[], bool]] = []
    monkeypatch.setattr(live._resolve, "told", holds.append)  # which gives leases back

    async def run() -> None:
        told, may_end = asyncio.Event(), asyncio.Event()

        async def changed(new: Secret[str]) -> None:
            assert new == live.now.mail.token
            told.set()
            await may_end.wait()

        live.on_change("mail.token", changed)
        kubernetes(folder, "02", {"mail.token": "second-t0ken-value"})
        live.refresh()
        await asyncio.wait_for(told.wait(), 30)
        assert holds[-1]()
        may_end.set()
        async with asyncio.timeout(30):
            while holds[-1]():  # noqa: ASYNC110  # nothing else tells a test of it
                await asyncio.sleep(0)

    asyncio.run(run())


def outside(folder: Path) -> None:
    target = folder.parent / "other"
    target.write_text("s3cret-of-another")
    target.chmod(0o400)
    (folder / "x").symlink_to(target)


def planted_way(folder: Path) -> None:
    (folder / "x").write_text("value")
    (folder / "x").chmod(0o400)
    folder.chmod(0o777)


def writable(folder: Path) -> None:
    (folder / "x").write_text("value")
    (folder / "x").chmod(0o622)


def loop(folder: Path) -> None:
    (folder / "x").symlink_to("x")


def pipe(folder: Path) -> None:
    subprocess.run(["mkfifo", "-m", "400", str(folder / "x")], check=True)


@pytest.mark.parametrize("plant", [outside, planted_way, writable, loop, pipe])
def test_what_somebody_planted_is_not_read(folder: Path, plant: Callable[[Path], None]) -> None:
    (folder / "x").write_text("value")
    (folder / "x").chmod(0o400)
    assert read_mounted(folder, "x") == Secret("value")  # control
    (folder / "x").unlink()
    plant(folder)
    with pytest.raises((SecretRefused, SecretMissing)) as caught:
        MountedSource().read(Reference("mounted", str(folder / "x")))
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["../other", "/etc/hostname", "a/../../other"])
def test_a_name_that_climbs_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    (folder / "a").mkdir()
    (folder.parent / "other").write_text("s3cret")
    (folder.parent / "other").chmod(0o400)
    with pytest.raises((SecretRefused, SecretMissing)):
        read_mounted(folder, name)


def test_a_file_with_the_prefix_for_no_key_is_refused_and_two_for_one_as_well(folder: Path) -> None:
    for name in ("SHOP_KEEY", "mail.token", "mail__token"):
        (folder / name).write_text("some-s3cret-value")
        (folder / name).chmod(0o400)
    with pytest.raises(ConfigInvalid) as caught:
        load_config(with_places(secrets_dir=folder), (), dict(WHOLE))
    assert {problem.key for problem in caught.value.problems} == {"keey", "mail.token"}
