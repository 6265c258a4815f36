"""CSRF tokens and the parsers that look for them, over generated input."""

from __future__ import annotations

from email.message import Message
from urllib.parse import parse_qsl, quote_plus, urlencode

from hypothesis import assume, example, given
from hypothesis import strategies as st

from garrison.core.clock import Clock
from garrison.layers.csrf_form import find_in_multipart, find_in_urlencoded, form_reader
from garrison.layers.csrf_token import Tokens
from garrison.secrets.keyring import Keyring

NOW = 1_800_000_000.0
CLOCK = Clock(monotonic=lambda: NOW, wall=lambda: NOW)
TOKENS = Tokens(Keyring([b"k" * 32]).signer("csrf"), CLOCK, 3600.0)
OTHER_KEY = Tokens(Keyring([b"o" * 32]).signer("csrf"), CLOCK, 3600.0)
OTHER_PURPOSE = Tokens(Keyring([b"k" * 32]).signer("session"), CLOCK, 3600.0)

sessions = st.none() | st.text(max_size=40)
boundaries = st.from_regex(rb"[A-Za-z0-9'()+_,./:=?-]{1,70}", fullmatch=True)
names = st.from_regex(r"[A-Za-z0-9_\[\].-]{1,20}", fullmatch=True).filter(lambda name: name != "csrf_token")
fields = st.lists(st.tuples(names, st.text(max_size=30)), max_size=6)


@given(sessions)
def test_a_token_holds_for_the_session_it_was_made_for(session: str | None) -> None:
    assert TOKENS.holds(session, TOKENS.make(session).encode())


@given(sessions, sessions)
@example(None, "")
@example("nobody", None)
@example("session,1:a", "a")
def test_no_token_holds_for_another_session(session: str | None, other: str | None) -> None:
    assume(session != other)
    assert not TOKENS.holds(other, TOKENS.make(session).encode())


@given(sessions)
def test_no_token_holds_under_another_key_or_purpose(session: str | None) -> None:
    token = TOKENS.make(session).encode()
    assert not OTHER_KEY.holds(session, token)
    assert not OTHER_PURPOSE.holds(session, token)


@given(sessions)
def test_no_part_of_one_token_holds_with_a_part_of_another(session: str | None) -> None:
    (head, _, _), (_, _, tag) = (TOKENS.make(session).encode().partition(b".") for _ in range(2))
    assert not TOKENS.holds(session, head + b"." + tag)


@given(st.data(), st.binary(min_size=1, max_size=1))
def test_a_token_with_one_character_changed_is_refused(data: st.DataObject, character: bytes) -> None:
    token = TOKENS.make("alice").encode()
    at = data.draw(st.integers(0, len(token) - 1))
    assume(token[at : at + 1] != character)
    assert not TOKENS.holds("alice", token[:at] + character + token[at + 1 :])


@given(st.binary(max_size=8))
def test_a_token_with_anything_in_front_or_behind_is_refused(extra: bytes) -> None:
    assume(extra)
    token = TOKENS.make("alice").encode()
    assert not TOKENS.holds("alice", extra + token)
    assert not TOKENS.holds("alice", token + extra)


@given(st.binary(max_size=600) | st.text(max_size=200).map(str.encode))
def test_bytes_nobody_signed_are_refused_and_never_raise(token: bytes) -> None:
    assert not TOKENS.holds("alice", token)


@given(st.binary(max_size=300), st.booleans())
@example(b"csrf_token=%zz", True)
@example(b"&csrf_token=", False)
def test_reading_an_urlencoded_prefix_never_raises(prefix: bytes, complete: bool) -> None:
    find_in_urlencoded(prefix, complete)


@given(fields, st.text(max_size=40), fields, st.booleans())
def test_the_field_is_read_as_the_application_reads_it(
    before: list[tuple[str, str]], value: str, after: list[tuple[str, str]], complete: bool
) -> None:
    body = urlencode([*before, ("csrf_token", value), *after]).encode() + (b"" if complete else b"&cut=")
    theirs = dict(parse_qsl(body.decode(), keep_blank_values=True))["csrf_token"]
    assert find_in_urlencoded(body, complete) == theirs.encode() == value.encode()


@given(fields, st.text(max_size=40), st.data())
def test_a_cut_urlencoded_field_is_whole_or_absent(
    before: list[tuple[str, str]], value: str, data: st.DataObject
) -> None:
    body = urlencode([*before, ("csrf_token", value), ("z", "1")]).encode()
    cut = data.draw(st.integers(0, len(body)))
    assert find_in_urlencoded(body[:cut], False) in (None, value.encode())


@given(fields)
def test_no_other_fields_value_is_taken(others: list[tuple[str, str]]) -> None:
    sneaky = [(name, f"csrf_token={value}&csrf_token=x") for name, value in others]
    assert find_in_urlencoded(urlencode(sneaky).encode(), True) is None


def part(disposition: bytes, content: bytes, boundary: bytes) -> bytes:
    return b"--%b\r\nContent-Disposition: form-data; %b\r\n\r\n%b\r\n" % (boundary, disposition, content)


@given(boundaries, st.lists(st.tuples(names, st.binary(max_size=40)), max_size=4), st.binary(max_size=60), st.data())
def test_a_multipart_field_is_whole_or_absent(
    boundary: bytes, before: list[tuple[str, bytes]], value: bytes, data: st.DataObject
) -> None:
    delimiter = b"\r\n--" + boundary
    assume(all(delimiter not in b"\r\n" + content + b"\r" for content in (value, *(each for _, each in before))))
    body = b"".join(part(b'name="%b"' % name.encode(), content, boundary) for name, content in before)
    body += part(b'name="csrf_token"', value, boundary) + b"--%b--\r\n" % boundary
    assert find_in_multipart(body, boundary) == value
    assert find_in_multipart(body[: data.draw(st.integers(0, len(body)))], boundary) in (None, value)


@given(boundaries, st.binary(max_size=200), st.sampled_from([b"filename", b"filename*", b"FileName"]))
def test_no_token_is_found_inside_a_file(boundary: bytes, content: bytes, key: bytes) -> None:
    assume(b"--" + boundary not in content)
    planted = content + b'\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\nplanted\r\n' + content
    for disposition in (b'name="csrf_token"; %b="a"' % key, b'%b=a; name="upload"' % key):
        body = part(disposition, planted, boundary) + part(b'name="csrf_token"', b"late", boundary)
        assert find_in_multipart(body, boundary) is None


@given(st.binary(max_size=400), boundaries)
@example(b"--b\r\n\r\n\r\n--b", b"b")
@example(b"--b\r\nContent-Disposition: form-data; name=csrf_token\r\n\r\n--b--", b"b")
def test_reading_a_multipart_prefix_never_raises(prefix: bytes, boundary: bytes) -> None:
    find_in_multipart(prefix, boundary)
    find_in_multipart(b"--" + boundary + b"\r\n" + prefix, boundary)


@given(st.binary(max_size=120))
@example(b"multipart/form-data; boundary=" + b";" * 100)
def test_reading_a_content_type_never_raises(value: bytes) -> None:
    form_reader(value)
    form_reader(b"multipart/form-data;" + value)


@given(boundaries, st.booleans())
def test_the_boundary_is_read_as_the_standard_library_reads_it(boundary: bytes, quoted: bool) -> None:
    text = boundary.decode()
    message = Message()
    message["content-type"] = f'multipart/form-data; charset=utf-8; boundary="{text}"'
    theirs = message.get_boundary()
    assume(theirs == text)
    plain = not set(text) & set(' ;"()<>@,:\\/[]?=')
    header = f"multipart/form-data; boundary={text}" if plain and not quoted else message["content-type"]
    find = form_reader(header.encode())
    assert find is not None
    assert find(part(b'name="csrf_token"', quote_plus(text).encode(), boundary) + b"--" + boundary, True) is not None
