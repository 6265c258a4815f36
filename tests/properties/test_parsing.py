"""Parsing holds for every input, not only for those somebody thought of."""

from __future__ import annotations

import gzip
import posixpath
import zlib
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.core.address import client_key, compile_client, forwarded_scheme
from garrison.core.host import configured_origin, host_name, parse_host, parse_origin
from garrison.core.path import FAULTS, RouteTable, normalise
from garrison.core.ports import Services
from garrison.core.verdict import Refuse
from garrison.layers import client, content, control, host, method, size, target
from garrison.layers.decode import Decoder
from garrison.layers.media import parse_media_type
from garrison.policy.model import Policy
from tests.support.facts import make_facts

PLAIN = st.text("abcXYZ019-._~!$&'()*+,;=:@", min_size=1).filter(lambda s: s.split(";")[0] not in {".", ".."})
TRICKY = st.lists(
    st.sampled_from([b"/", b"//", b".", b"..", b"%2e", b"%2F", b"%5c", b"\\", b"%25", b"2f", b"%", b"%c0%af", b"%00",
                     b";", b"#", b"?", b" ", b"\xff", b"%EF%BC%8E", b"%u002f", b"a", b"\n", b"%E2%80%A8"]),
).map(b"".join)  # fmt: skip


@given(st.binary() | TRICKY)
def test_a_path_is_decoded_once_and_its_faults_are_of_the_closed_set(raw: bytes) -> None:
    path, fault = normalise(raw)
    assert set(fault.split()) <= set(FAULTS)
    if raw.isascii():
        assert path == unquote(raw.decode("ascii"))


@given(st.lists(PLAIN, min_size=1), st.booleans())
def test_a_path_of_plain_segments_has_no_fault_and_is_itself(segments: list[str], slash: bool) -> None:
    raw = "/" + "/".join(segments) + ("/" if slash else "")
    assert normalise(raw.encode("ascii")) == (raw, "")


@given(st.lists(st.text(st.characters(codec="utf-8", categories=("L", "N", "Zs", "So")), min_size=1), min_size=1))
def test_words_of_any_language_percent_encoded_have_no_fault(words: list[str]) -> None:
    path = "/" + "/".join(words)
    assert normalise(quote(path).encode("ascii")) == (path, "")


@given(TRICKY)
def test_a_path_without_a_fault_reads_the_same_when_it_is_decoded_again(raw: bytes) -> None:
    path, fault = normalise(raw)
    if not fault:
        assert unquote(path) == path
        assert not {"", ".", ".."} & set(path.removesuffix("/").split("/")[1:])


@given(TRICKY.map(lambda raw: b"/open/" + raw))
def test_a_path_of_a_class_without_fault_stays_below_it_for_a_naive_reader(raw: bytes) -> None:
    path, fault = normalise(raw)
    if not fault and RouteTable([(["/open/**"], [])]).find(path, "GET"):
        assert posixpath.normpath(unquote(path).replace("\\", "/")).startswith("/open")


@given(st.binary(max_size=300) | st.from_regex(rb"[a-z0-9.\[\]:%@_-]{0,40}", fullmatch=True))
def test_a_host_is_parsed_into_a_form_that_parses_into_itself(value: bytes) -> None:
    parsed = parse_host(value)
    if parsed is not None:
        again = parse_host((f"[{parsed.name}]" if ":" in parsed.name else parsed.name).encode("ascii"))
        assert again is not None
        assert (again.name, again.ip, again.port) == (parsed.name, parsed.ip, None)


@given(st.text() | st.from_regex(r"(?i)[a-z]{2,6}://[a-z0-9.:\[\]@/-]{0,20}", fullmatch=True))
def test_an_origin_is_parsed_into_a_form_that_parses_into_itself(text: str) -> None:
    for value in (text, text.encode("utf-8", "replace")):
        origin = parse_origin(value)
        if origin is not None:
            assert parse_origin(origin.serialise()) == origin
            assert configured_origin(origin.serialise()) == origin


@given(st.text())
def test_configuration_is_taken_or_refused_and_never_breaks(text: str) -> None:
    for parse in (host_name, configured_origin):
        with suppress(ValueError):  # anything else would end the start with a traceback
            parse(text)


NETWORKS = ("10.0.0.0/8", "fd00::/8", "2001:db8:ffff::/48")
FINDERS = {name: compile_client(NETWORKS, name, 64) for name in ("x-forwarded-for", "forwarded")}
ADDRESSES = st.ip_addresses().map(lambda a: a if a.is_global else ip_address("203.0.113.9"))
PROXIES = st.sampled_from(["10.0.0.1", "10.255.0.1", "fd00::1", "2001:db8:ffff::9"])
JUNK = st.binary(max_size=60).map(lambda b: b.replace(b",", b"")) | st.ip_addresses().map(lambda a: str(a).encode())


def _trusted(address: IPv4Address | IPv6Address) -> bool:
    return any(address in ip_network(network) for network in NETWORKS)


@pytest.mark.parametrize("header", FINDERS)
@given(peer=st.none() | st.text(max_size=40) | st.ip_addresses().map(str) | PROXIES, lines=st.lists(st.binary() | JUNK))
def test_any_chain_gives_a_client_and_never_a_proxy_to_charge(
    header: str, peer: str | None, lines: list[bytes]
) -> None:
    found = FINDERS[header](peer, tuple(lines))
    if found.fault:
        assert found.key == ""
    if found.address is not None:
        assert found.key == ("" if _trusted(found.address) else client_key(found.address))
    assert forwarded_scheme(tuple(lines)) in {"http", "https", None}


@given(st.lists(JUNK, max_size=20), ADDRESSES, st.lists(PROXIES, max_size=5), st.booleans())
def test_what_an_attacker_puts_in_front_changes_nothing(
    junk: list[bytes], address: Any, proxies: list[str], lines: bool
) -> None:
    honest = [str(address).encode(), *(proxy.encode() for proxy in proxies)]
    forged = (b", ".join(junk), b", ".join(honest)) if lines else (b", ".join([*junk, *honest]),)
    find = FINDERS["x-forwarded-for"]
    alone, attacked = find("10.0.0.1", (b", ".join(honest),)), find("10.0.0.1", forged)
    assert attacked.key == alone.key != ""
    assert attacked.address == alone.address


@given(st.lists(st.ip_addresses(), max_size=20), ADDRESSES, st.lists(PROXIES, max_size=5))
def test_forged_forwarded_elements_change_nothing(forged: list[Any], address: Any, proxies: list[str]) -> None:
    def line(nodes: list[Any]) -> bytes:
        return ", ".join(f'for="[{n}]"' if ":" in str(n) else f"for={n}" for n in nodes).encode()

    find = FINDERS["forwarded"]
    alone = find("10.0.0.1", (line([address, *proxies]),))
    assert find("10.0.0.1", (line([*forged, address, *proxies]),)).key == alone.key != ""


@given(st.binary(max_size=80), st.ip_addresses())
def test_a_broken_forwarded_prefix_gives_the_same_client_or_none(prefix: bytes, address: Any) -> None:
    node = f'for="[{address}]:1"' if ":" in str(address) else f"for={address}"
    find = FINDERS["forwarded"]
    alone = find("10.0.0.1", (node.encode(),))
    attacked = find("10.0.0.1", (prefix + b", " + node.encode(),))
    assert attacked.fault or attacked.key == alone.key


@given(st.binary() | st.from_regex(rb'[a-z]+/[a-z*]+( *; *[a-z]*(=("[^"]*"|[a-z]*))?){0,3}', fullmatch=True))
def test_any_content_type_is_read_or_not_and_never_breaks(value: bytes) -> None:
    media = parse_media_type(value)
    assert media is None or "/" in media.name


@given(st.binary(max_size=5000), st.lists(st.integers(1, 500), max_size=20), st.sampled_from(["gzip", "deflate"]))
def test_what_was_packed_comes_out_whole_however_it_is_cut(body: bytes, cuts: list[int], encoding: str) -> None:
    packed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    decoder, made = Decoder(encoding, 10_000, 100), b""
    for cut in cuts:
        chunk, packed = packed[:cut], packed[cut:]
        pieces = decoder.feed(chunk, False)
        assert not isinstance(pieces, Refuse)
        made += b"".join(pieces)
    pieces = decoder.feed(packed, True)
    assert not isinstance(pieces, Refuse)
    assert made + b"".join(pieces) == body


@given(st.lists(st.binary(max_size=200), max_size=10), st.sampled_from(["gzip", "deflate"]))
def test_any_bytes_are_decoded_within_the_cap_or_refused(chunks: list[bytes], encoding: str) -> None:
    decoder, made = Decoder(encoding, 1000, 10), 0
    for number, chunk in enumerate(chunks, 1):
        pieces = decoder.feed(chunk, number == len(chunks))
        if isinstance(pieces, Refuse):
            return
        made += sum(map(len, pieces))
    assert made <= 1000


POLICY = Policy(hosts=("example.com",))
LAYERS = [module.compile(POLICY, Services()) for module in (client, control, host, method, target, size, content)]
NAMES = st.sampled_from(
    [b"host", b"content-length", b"transfer-encoding", b"content-type", b"content-encoding", b"cookie", b"user-agent",
     b"x-http-method-override", b"x-forwarded-for", b"forwarded"],
)  # fmt: skip


@given(
    name=st.text(max_size=8),
    path=st.binary(max_size=60),
    query=st.binary(max_size=60),
    headers=st.lists(st.tuples(NAMES, st.binary(max_size=40))),
)
def test_no_request_breaks_a_layer(name: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    facts = make_facts(name, path, headers, query=query)
    for layer in LAYERS:
        if layer.decide is not None:
            verdict = layer.decide(facts)
            assert verdict is None or isinstance(verdict, Refuse)
            if isinstance(verdict, Refuse):
                assert 400 <= verdict.status < 500
                assert verdict.layer == layer.name
                assert verdict.hint
