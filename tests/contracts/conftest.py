"""Real shared stores for the contracts, started when the first test asks for one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from anyio.from_thread import start_blocking_portal

from tests.support.valkey import Server, behind_sentinel, cluster
from tests.support.valkey_links import RIGHTS, encrypted, make_certificate

from .making import PASSWORD


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


@pytest.fixture(scope="session")
def with_sentinel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a primary with a replica, found through a sentinel."""
    with behind_sentinel(tmp_path_factory.mktemp("sentinel")) as (_, sentinels):
        yield f"redis+sentinel://127.0.0.1:{sentinels[0].port}/primary"


@pytest.fixture(scope="session")
def restricted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address, over TLS, of a server that only a user with few rights may use."""
    certificate = make_certificate(tmp_path_factory.mktemp("tls"))
    with Server(tmp_path_factory.mktemp("restricted")) as server, start_blocking_portal() as portal:
        rights = ("~garrison:*", "~contract-*", *RIGHTS.split())
        server.ask("ACL", "SETUSER", "garrison", "on", f">{PASSWORD['PW']}", *rights)
        server.ask("ACL", "SETUSER", "default", "off")
        with portal.wrap_async_context_manager(encrypted(server, certificate)) as port:
            yield f"rediss://garrison:env:PW@localhost:{port}?ca={certificate[0]}"
