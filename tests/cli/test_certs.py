"""`garrison certs list`: what an operator reads at three in the morning."""

from __future__ import annotations

from pathlib import Path

from garrison.serve.issuing.state import Progress, Sets
from tests.cli.running import Here
from tests.serve.authority import Authority


def test_the_list_shows_every_name_and_the_whole_reason_on_a_narrow_terminal(here: Here, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority", "Authority")
    certificate, key = authority.make("a")
    folder = here.folder / ".garrison-acme"
    with (sets := Sets(folder, "a").open()).only_one():
        sets.write(key + certificate)
        sets.write_progress(Progress(failures=2, error=f"no {'long ' * 30}reason"))
    with Sets(folder, "b.example.test").open().only_one():
        pass
    ran = here.run("certs", "list", COLUMNS="40")
    assert ran.code == 1
    for line in (
        "127.0.0.1, localhost",
        f"    problem no {'long ' * 30}reason",
        "b.example.test",
        "    problem nothing was issued yet",
    ):
        assert line in ran.out.splitlines()
    assert "days left" in ran.out
    assert "expired" not in ran.out
    with sets.only_one():
        sets.write(b"".join(reversed(authority.make("a", days=-1))))
    assert "UTC, expired" in here.run("certs", "list").out
