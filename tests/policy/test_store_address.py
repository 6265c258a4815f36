"""Addresses of stores: what is understood, what is refused, and that nothing shows a password."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from garrison.core.errors import OperatorError
from garrison.policy.store_address import StoreMalformed, check_store, parse_store, references_in_store, resolve_store
from tests.support.revealing import revealing


def test_each_kind_is_understood() -> None:
    assert parse_store("embedded").local
    assert parse_store("memory").local
    one = parse_store("rediss://ann:env:PW@store.internal:6380/3?ca=/etc/ca.pem&namespace=shop")
    assert (one.kind, one.tls, one.hosts, one.database) == ("standalone", True, (("store.internal", 6380),), 3)
    assert (one.username, one.password, one.ca, one.namespace) == ("ann", "env:PW", "/etc/ca.pem", "shop")
    watched = parse_store("redis+sentinel://a,[::1]:5/primary/2?sentinel_password=env:S")
    assert (watched.kind, watched.hosts, watched.service) == ("sentinel", (("a", 26379), ("::1", 5)), "primary")
    assert (watched.database, watched.sentinel_password) == (2, "env:S")
    many = parse_store("redis+cluster://a:1,b")
    assert (many.kind, many.hosts) == ("cluster", (("a", 1), ("b", 6379)))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Memory", "did you mean 'memory'"),
        ("redis+sentinal://a/primary", r"did you mean 'redis\+sentinel'"),
        ("sqlite:///x.db", "not a store"),
        ("redis://a,b", "redis\\+sentinel:// or redis\\+cluster://"),
        ("redis://a:0", "name:port"),
        ("redis://a:66000", "name:port"),
        ("redis://a/b", "one number"),
        ("redis://a/0/1", "one number"),
        ("redis+cluster://a/1", "database 0 only"),
        ("redis+sentinel://a", "name of the primary"),
        ("redis://a?namspace=x", "did you mean 'namespace'"),
        ("redis://a?namespace=x&namespace=y", "repeated"),
        ("redis://a?namespace=a:b", "letters, digits"),
        ("redis://a b", "name:port"),
        ("redis://a#b", "not a store"),
        ("", "not a store"),
        ("env:", "not a store"),
    ],
)
def test_what_can_t_be_used_is_refused_with_what_to_write(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        check_store(text)


@pytest.mark.parametrize(
    "text",
    [
        "redis://:hunter2@h",
        "redis://u:hunter2@h",
        "redis://u:env:not-a-name-hunter2@h",
        "redis+sentinel://h/p?sentinel_password=hunter2",
        "hunter2://h",
        "hunter2",
        "redis://u:hunter2@h@h",
    ],
)
def test_a_password_in_the_policy_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"password|store") as caught:
        check_store(text)
    assert "hunter2" not in str(caught.value)


def test_references_are_looked_up_and_nothing_shows_them() -> None:
    environ = {"URL": " redis://ann:hunter2@h:1/2 \n", "PW": "hunter3", "S": "hunter4"}
    whole = resolve_store("env:URL", revealing(environ))
    part = resolve_store("redis+sentinel://ann:env:PW@h/p?sentinel_password=env:S", revealing(environ))
    assert (whole.password, part.password, part.sentinel_password) == ("hunter2", "hunter3", "hunter4")
    assert "hunter" not in f"{whole} {whole!r} {part} {part!r}"
    assert str(whole) == "redis://h:1"
    assert str(part) == "redis+sentinel://h:26379"


@pytest.mark.parametrize(
    "reference",
    ["env:PW", "file:/etc/shop/pw", "file:///etc/shop/pw", "sealed:store.password", "vault://kv/shop/store#password"],
)
def test_a_password_is_kept_in_any_source_there_is(reference: str) -> None:
    address = resolve_store(f"rediss://ann:{reference}@h:1/2?namespace=shop", lambda asked: f"<{asked}>")
    assert (address.password, address.username, address.hosts) == (f"<{reference}>", "ann", (("h", 1),))
    assert (address.database, address.namespace) == (2, "shop")
    assert list(references_in_store(f"redis://:{reference}@h")) == [("store.password", reference)]


@pytest.mark.parametrize(
    "text", ["redis://u:hunter:/2@h", "redis://u:file:/../x@h", "redis://a:/b@h", "redis://u:ab:/"]
)
def test_what_only_looks_like_a_reference_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"password|store") as caught:
        check_store(text)
    assert "hunter" not in str(caught.value)


def test_what_a_secret_address_holds_is_meant_literally() -> None:
    whole = resolve_store("env:URL", revealing({"URL": "redis://u:env:OTHER@h", "OTHER": "x"}))
    assert whole.password == "env:OTHER"


def test_a_variable_that_holds_no_store_is_named_and_not_shown() -> None:
    with pytest.raises(StoreMalformed, match="URL") as caught:
        resolve_store("env:URL", revealing({"URL": "hunter2"}))
    assert isinstance(caught.value, OperatorError)
    assert "hunter2" not in str(caught.value)


def test_only_what_goes_over_a_network_in_plain_is_exposed() -> None:
    exposed = {
        "redis://10.0.0.5": ("10.0.0.5",), "redis://store.internal": ("store.internal",),
        "redis+cluster://localhost,b": ("b",), "redis://[2001:db8::1]": ("2001:db8::1",),
        "rediss://10.0.0.5": (), "redis://127.1.2.3": (), "redis://[::1]": (), "redis://LOCALHOST": (), "memory": (),
        "redis://localhost.example": ("localhost.example",),
    }  # fmt: skip
    for text, hosts in exposed.items():
        assert parse_store(text).exposed == hosts, text


@given(st.text(max_size=40) | st.from_regex(r"redis(s)?(\+[a-z]+)?://[^ ]{0,30}", fullmatch=True))
def test_any_text_is_a_store_or_a_value_error(text: str) -> None:
    try:
        address = parse_store(text)
    except ValueError:
        return
    assert address.local or address.hosts
