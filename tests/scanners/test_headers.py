"""Two header scanners that know nothing of Garrison, over answers of every kind, over real HTTPS.

Scanned is a production policy under a public-looking name (which both scanners resolve to this machine), so that
Strict-Transport-Security is part of it. What a scanner still says is listed here with the reason; anything else fails.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from garrison.serve.devca import Leaf
from tests.browser.serving import Site, serving
from tests.scanners import tools
from tests.scanners.shop import ANSWERS, HOST, bare_page, certificate, guarded, page, shop

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

Findings = Mapping[str, list[str]]

ACCEPTED: Mapping[str, Mapping[str, str]] = {
    "drheader": {
        "Cache-Control: Header not included in response": (
            "the scanner wants no-store on everything; answers that belong to nobody are the application's to cache, "
            "and personal ones are no-store (tests/layers/test_cache.py)"
        ),
        "Cache-Control: Value does not match security policy (got 'no-store')": (
            "the scanner wants max-age=0 too, for caches of HTTP/1.0; no-store says all (RFC 9111, section 5.2.2.5)"
        ),
        "Pragma: Header not included in response": "deprecated, and no response header at all (RFC 9111, section 5.4)",
        "Strict-Transport-Security: Value does not match security policy (got 'max-age=63072000; includeSubDomains')": (
            "the scanner wants one year to the second; ours is two, as browsers' preload lists recommend"
        ),
    },
    "observatory": {
        "content-security-policy: csp-header-invalid": (
            "answers that are no pages have 'strict-dynamic' without a nonce: no script runs there at all (CSP Level "
            "3, section 8.2), and a worker's script may still import"
        ),
    },
}
"""Scanner ► finding ► why it stands."""
NOT_ACCEPTED_AT = {"/": {"content-security-policy: csp-header-invalid"}}
"""Paths where what is accepted elsewhere is not."""


@pytest.fixture(scope="module")
def leaf(tmp_path_factory: pytest.TempPathFactory) -> Leaf:
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory, leaf: Leaf) -> Iterator[dict[str, Site]]:
    """The shop with Garrison and without."""
    folder, other = tmp_path_factory.mktemp("guarded"), tmp_path_factory.mktemp("bare")
    app = guarded(shop(folder, page), folder)
    with serving(app, leaf) as with_it, serving(shop(other, bare_page), leaf) as without:
        yield {"guarded": with_it, "bare": without}


def ask(command: list[str], leaf: Leaf, **asked: Any) -> dict[str, Any]:
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": str(leaf.cert_file)}
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        environment.pop(name, None)
        environment.pop(name.upper(), None)
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def scan(scanner: str, site: Site, leaf: Leaf) -> dict[str, Any]:
    """Per path `{status, findings}`."""
    asked = {"host": HOST, "port": site.port, "paths": list(ANSWERS)}
    if scanner == "drheader":
        return ask(tools.drheader(), leaf, certificate=str(leaf.cert_file), **asked)
    command, folder = tools.observatory()
    return ask(command, leaf, folder=str(folder), **asked)


SCANNERS = [
    pytest.param(
        "drheader",
        marks=pytest.mark.skipif(
            sys.version_info >= (3, 13),
            reason="drHEADer pins a PyYAML that has no wheel for this Python; it scans on 3.11",
        ),
    ),
    "observatory",
]


@pytest.mark.parametrize("scanner", SCANNERS)
def test_a_scanner_finds_nothing_unexplained_on_any_answer(scanner: str, sites: dict[str, Site], leaf: Leaf) -> None:
    scan(scanner, sites["guarded"], leaf)  # uses up what is scarce

    found = scan(scanner, sites["guarded"], leaf)

    assert {path: one["status"] for path, one in found.items()} == ANSWERS
    for path, one in found.items():
        accepted = ACCEPTED[scanner].keys() - NOT_ACCEPTED_AT.get(path, set())
        assert set(one["findings"]) <= accepted, path


@pytest.mark.parametrize("scanner", SCANNERS)
def test_no_finding_is_accepted_that_is_gone(scanner: str, sites: dict[str, Site], leaf: Leaf) -> None:
    found = scan(scanner, sites["guarded"], leaf)

    assert {text for one in found.values() for text in one["findings"]} == set(ACCEPTED[scanner])


@pytest.mark.parametrize("scanner", SCANNERS)
def test_without_garrison_every_answer_has_findings(scanner: str, sites: dict[str, Site], leaf: Leaf) -> None:
    found = scan(scanner, sites["bare"], leaf)

    assert all(len(one["findings"]) >= 3 for one in found.values())
