"""Shared by the whole suite."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from tests.support.aws import Amazon
    from tests.support.bao import Bao
    from tests.support.leasing import Leasing

settings.register_profile("garrison", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("garrison")
"""Property tests say nothing about time: a loaded machine must not fail them."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
"""A shell that runs the suite in the background has its children ignore SIGINT, and so would the servers we end so."""

ALONE = (
    "attacks/test_flood.py",
    "attacks/test_login.py",
    "attacks/test_store_failure.py",
    "edge/test_slow_clients.py",
    "load/",
    "serve/test_slow.py",
)
"""Tests that drive real load or compare times: `make test` runs them first, one after the other, and nothing beside."""

SECOND_TRIES = 4
"""Tests that may fail once in a run: each gets a second try, which the summary names (decision 12)."""


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    """A real OpenBao server. Tests that ask for it share an xdist group, so that one is enough."""
    from tests.support.bao import Bao

    with Bao(tmp_path_factory.mktemp("bao")) as server:
        yield server


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Amazon]:
    """A stand-in for AWS. Tests that ask for it share an xdist group, so that one is enough."""
    from tests.support.aws import Amazon

    server = Amazon(tmp_path_factory.mktemp("aws"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def leasing(bao: Bao) -> Iterator[Leasing]:
    """A real PostgreSQL whose users `bao` makes; of the same xdist group."""
    from tests.support.leasing import PASSWORD, Leasing
    from tests.support.postgres import postgres

    with postgres(PASSWORD) as url:
        made = Leasing(bao, url)
        made.set_up()
        yield made


@pytest.fixture(scope="session", autouse=True)
def scans_kept_apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """`garrison scan` keeps each scan: those of tests not among the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GARRISON_TREND", str(tmp_path_factory.mktemp("trend") / "scans.sqlite"))
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).as_posix().startswith(ALONE):
            item.add_marker(pytest.mark.alone)
        item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=1))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Tests that share a server share a process, or each would start one: a run where that is not so ends."""
    if session.config.getoption("loadgroup", False):  # in a process of pytest-xdist
        for item in session.items:
            if item.get_closest_marker("xdist_group") and "@" not in item.nodeid:
                raise pytest.UsageError(f"xdist_group does nothing here, see {item.nodeid}")


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """What a first try failed of is shown like any failure, whatever the second one did."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.section(f"first try of {report.nodeid}")
        terminalreporter.write_line(report.longreprtext)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """More second tries than a busy machine explains are a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if exitstatus == pytest.ExitCode.OK and reporter and len(reporter.getreports("rerun")) > SECOND_TRIES:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
