"""Real shared stores for the contracts, started when the first test asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.valkey import Server, cluster


@pytest.fixture(scope="session")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one Valkey server."""
    with Server(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url


@pytest.fixture(scope="session")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Valkey cluster of three."""
    with cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)
