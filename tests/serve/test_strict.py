"""The rules on framing answer for any header block, and agree with RFC 9112 where it leaves no choice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.serve.strict import FRAMING, fault

HOST = (b"host", b"localhost")
framings = st.lists(st.tuples(st.sampled_from(sorted(FRAMING)), st.binary(max_size=12)), max_size=6)


@given(method=st.sampled_from([b"GET", b"OPTIONS"]), target=st.binary(min_size=1), framing=framings)
def test_what_passes_has_one_host_and_one_length(
    method: bytes, target: bytes, framing: list[tuple[bytes, bytes]]
) -> None:
    if fault(method, target, "1.1", framing, False) == "":
        names = [name for name, _ in framing]
        assert names.count(b"host") == 1
        assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1


@pytest.mark.parametrize("target", [b"/", b"/a?b=c", b"http://localhost/", b"HTTPS://LOCALHOST/x"])
def test_targets_that_pass(target: bytes) -> None:
    assert fault(b"GET", target, "1.1", [HOST], False) == ""


@pytest.mark.parametrize("target", [b"*", b"x", b"http://other/", b"/#", b"localhost:80", b"ftp://localhost/"])
def test_targets_that_do_not(target: bytes) -> None:
    assert fault(b"GET", target, "1.1", [HOST], False)


def test_an_asterisk_belongs_to_options() -> None:
    assert fault(b"OPTIONS", b"*", "1.1", [HOST], False) == ""


@pytest.mark.parametrize("length", [b"0", b"5", b"123456789"])
def test_lengths_that_pass(length: bytes) -> None:
    assert fault(b"POST", b"/", "1.1", [HOST, (b"content-length", length)], False) == ""


def test_old_clients_may_leave_out_the_host_and_nobody_else() -> None:
    assert fault(b"GET", b"/", "1.0", [], False) == ""
    assert fault(b"GET", b"/", "1.1", [], False)


def test_an_upgrade_has_no_body() -> None:
    assert fault(b"GET", b"/", "1.1", [HOST, (b"content-length", b"0")], True) == ""
    assert fault(b"GET", b"/", "1.1", [HOST, (b"content-length", b"1")], True)
