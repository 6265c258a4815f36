"""Each type: what it takes, what it refuses, and why."""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
import warnings
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from garrison import inputs
from garrison.inputs import text as text_module
from garrison.inputs.text import compile_clean
from garrison.layers.validation_rules import describe

TEAM = Annotated[str, inputs.UrlRule(schemes=("https",), hosts=("example.com",))]
SORT = Annotated[tuple[inputs.SortBy, ...], inputs.SortKeys(("title", "notes.created"))]
COLUMN = Annotated[str, inputs.OneOf(("title", "notes.created"))]
PATCH = Annotated[list[inputs.Operation], inputs.PatchRule(("/title", "/tags/*"), most=3)]

ACCEPTED: list[tuple[Any, Any, Any]] = [
    (inputs.Name, "O'Brien", "O'Brien"),
    (inputs.Name, "  Łukasz ", "Łukasz"),
    (inputs.Name, "李小龍", "李小龍"),
    (inputs.Name, "مُحَمَّد", "مُحَمَّد"),
    (inputs.Name, "נועה\u200f", "נועה\u200f"),  # a directional mark belongs to the language
    (inputs.Name, "می\u200cخواهم", "می\u200cخواهم"),  # so does the non-joiner
    (inputs.Name, "e\u0301", "é"),  # one spelling
    (inputs.Name, "👨‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👨‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
    (inputs.Title, "<script>alert(1)</script>", "<script>alert(1)</script>"),  # text, encoded on the way out
    (inputs.Title, "'; DROP TABLE notes; -- is a joke", "'; DROP TABLE notes; -- is a joke"),
    (inputs.Prose, "one\r\ntwo\tthree", "one\ntwo\tthree"),
    (inputs.SearchText, "", ""),
    (inputs.SearchText, "\u200d", "\u200d"),  # it may be empty, so it may look empty
    (inputs.Title, "\u200bខ្មែរ\u200bភាសា", "\u200bខ្មែរ\u200bភាសា"),  # Khmer parts words that way
    (inputs.Amount, " -12.50 ", Decimal("-12.50")),
    (inputs.Amount, "+.5", Decimal("0.5")),
    (inputs.Amount, 12, Decimal(12)),
    (inputs.Slug, "my-first-post-2", "my-first-post-2"),
    (inputs.Code, "aZ_9-", "aZ_9-"),
    (inputs.RowId, 2**63 - 1, 2**63 - 1),
    (inputs.PathId, "7", 7),
    (inputs.PathId, str(2**63 - 1), 2**63 - 1),
    (inputs.PathId, 7, 7),
    (inputs.Hostname, "Bücher.example", "xn--bcher-kva.example"),
    (inputs.Hostname, "3com.example", "3com.example"),
    (inputs.Email, "o'brien+x@Example.COM", "o'brien+x@example.com"),
    (inputs.Email, "a@bücher.example", "a@xn--bcher-kva.example"),
    (inputs.Phone, "+49 (30) 123-456.78", "+493012345678"),
    (inputs.Phone, "+44 (0) 20 7946 0958", "+442079460958"),  # the 0 is not dialled from abroad
    (inputs.Phone, "+33\u202f1\u202f23\u202f45\u202f67\u202f89", "+33123456789"),  # as French is typeset
    (inputs.Phone, "\u202a+1\u00a0415\u2011555\u20110100\u202c", "+14155550100"),  # as a telephone copies it
    (inputs.PublicUrl, "https://Example.COM/a?b=c#d", "https://example.com/a?b=c#d"),
    (inputs.PublicUrl, "http://8.8.8.8:80/", "http://8.8.8.8/"),
    (inputs.PublicUrl, "https://example.com:443?a=1", "https://example.com/?a=1"),
    (inputs.PublicUrl, "https://example.com/css?family=A|B{c}^`", "https://example.com/css?family=A%7CB%7Bc%7D%5E%60"),
    (inputs.PublicUrl, "https://fa.example.com/می\u200cخواهم", "https://fa.example.com/می\u200cخواهم"),
    (inputs.PublicUrl, "https://[2606:4700::1111]/", "https://[2606:4700::1111]/"),
    (inputs.PublicUrl, "https://bücher.example/", "https://xn--bcher-kva.example/"),
    (TEAM, "https://docs.example.com/x", "https://docs.example.com/x"),
    (inputs.FileName, "Bericht – Müller (1).tar.gz", "Bericht – Müller (1).tar.gz"),
    (inputs.FileName, "O'Brien.pdf", "O'Brien.pdf"),
    (inputs.FileName, "console.txt", "console.txt"),
    (SORT, "-notes.created,title", (inputs.SortBy("notes.created", True), inputs.SortBy("title"))),
    (COLUMN, "title", "title"),
    (inputs.Day, "2026-11-28", date(2026, 11, 28)),
    (inputs.Moment, "2026-11-28T12:00:00.5+01:00", datetime(2026, 11, 28, 11, 0, 0, 500_000, UTC)),
    (inputs.Moment, "2026-11-28t12:00Z", datetime(2026, 11, 28, 12, tzinfo=UTC)),
    (inputs.Prose, "x" * 20_000, "x" * 20_000),
    (inputs.HtmlFragment, "a <b>b</b>", "a <b>b</b>"),
    (inputs.HtmlFragment, "a < b & c", "a &lt; b &amp; c"),
]

REFUSED: list[tuple[Any, Any, str]] = [
    (inputs.Name, "", "string_too_short"),
    (inputs.Name, "   ", "string_too_short"),
    (inputs.Name, "x" * 81, "string_too_long"),
    (inputs.Name, "\u1f82" * 79 + "\u0958\u0958", "string_too_long"),
    (inputs.Name, "\u0958" * 41, "string_too_long"),  # 41 characters that are 82 in NFC
    (inputs.Name, "a\nb", "text_character"),  # forges a log line
    (inputs.Name, "a\x00b", "text_character"),
    (inputs.Name, "a\x1b[2Jb", "text_character"),  # clears a terminal
    (inputs.Name, "user\u202egpj.exe", "text_character"),  # shows another name than it is
    (inputs.Name, "a\u2066b", "text_character"),
    (inputs.Name, "a\U000e0041b", "text_character"),  # text nobody sees
    (inputs.Name, "a\ufeffb", "text_character"),
    (inputs.Name, "a\ud800b", "string_unicode"),
    (inputs.Prose, "a\u2028b", "text_character"),
    (inputs.Prose, "x" * 20_001, "string_too_long"),
    (inputs.Prose, "é\n" * 10_001, "string_too_long"),
    (inputs.Name, 7, "string_type"),
    *(
        (inputs.Name, unseen, "text_unseen")
        for unseen in (
            "\u200b",
            "\u200d\u200e",
            "\u00ad",
            "\u2060",
            "\u3164",
            "\u2800",
            "\u115f",
            "\ufe0f",
            "\u034f",
            "\u180e \u2060",
        )
    ),
    (inputs.Slug, "Post", "string_pattern_mismatch"),
    (inputs.Slug, "a--b", "string_pattern_mismatch"),
    (inputs.Slug, "a\n", "string_pattern_mismatch"),
    (inputs.Slug, "../a", "string_pattern_mismatch"),
    (inputs.Code, "a b", "string_pattern_mismatch"),
    (inputs.Code, "é", "string_pattern_mismatch"),
    (inputs.RowId, 0, "greater_than_equal"),
    (inputs.RowId, 2**63, "less_than_equal"),
    (inputs.RowId, True, "int_type"),
    (inputs.RowId, "1", "int_type"),
    (inputs.PathId, "0", "row_number"),
    (inputs.PathId, str(2**63), "less_than_equal"),
    (inputs.PathId, "9" * 5000, "row_number"),
    *((inputs.PathId, text, "row_number") for text in ("", "01", "+1", "-1", " 1", "1.0", "1_0", "1e3", "１", "1\n")),
    (inputs.PathId, True, "int_type"),
    (inputs.Hostname, "a..b", "hostname"),
    (inputs.Hostname, "-a.example", "hostname"),
    (inputs.Hostname, "a_b.example", "hostname"),
    (inputs.Hostname, "127.1", "hostname"),
    (inputs.Hostname, "0x7f000001", "hostname"),
    (inputs.Hostname, "xn--zz--.example", "hostname"),
    (inputs.Hostname, "a" * 64, "hostname"),
    (inputs.IpAddress, "010.0.0.1", "ip"),
    (inputs.IpAddress, "fe80::1%eth0", "ip"),
    (inputs.PublicIp, "10.0.0.1", "ip_public"),
    (inputs.PublicIp, "::ffff:127.0.0.1", "ip_public"),
    (inputs.PublicIp, "2002:7f00:1::", "ip_public"),  # 6to4 around 127.0.0.1
    (inputs.PublicIp, "64:ff9b::7f00:1", "ip_public"),
    (inputs.PublicIp, "169.254.169.254", "ip_public"),
    (inputs.PublicIp, "224.0.0.1", "ip_public"),
    (inputs.PublicIp, "168.63.129.16", "ip_public"),  # public, and Azure's own
    (inputs.PublicIp, "192.88.99.1", "ip_public"),
    (inputs.PublicIp, "3fff::1", "ip_public"),  # documentation (RFC 9637)
    (inputs.Email, "a@b", "email"),
    (inputs.Email, '"a b"@example.com', "email"),
    (inputs.Email, "a@b@example.com", "email"),
    (inputs.Email, ".a@example.com", "email"),
    (inputs.Email, "a@[127.0.0.1]", "email"),
    (inputs.Email, "a@example.com\nBcc: b@example.com", "email"),
    (inputs.Email, "a\r\nBcc: b@example.com", "email"),
    (inputs.Phone, "030 123456", "phone"),
    (inputs.Phone, "+٤٩٣٠١٢٣٤٥٦", "phone"),
    (inputs.Phone, "+1;ext=5", "phone"),
    (inputs.PublicUrl, "javascript:alert(1)", "url"),
    (inputs.PublicUrl, "file:///etc/passwd", "url"),
    (inputs.PublicUrl, "//example.com/", "url"),
    (inputs.PublicUrl, "https:example.com", "url"),
    (inputs.PublicUrl, "https://example.com\\@evil.example", "url"),
    (inputs.PublicUrl, "https://user@example.com/", "url"),
    (inputs.PublicUrl, "https://exa\nmple.com/", "url"),
    (inputs.PublicUrl, "https://example.com/\u202egpj.exe", "url"),  # is shown as another address
    (inputs.PublicUrl, "https://exa|mple.com/", "hostname"),
    (inputs.PublicUrl, "https://example.com:6379/", "url"),
    (inputs.PublicUrl, "https://example.com:x/", "url"),
    (inputs.PublicUrl, "http://localhost/", "url_public"),
    (inputs.PublicUrl, "http://db.internal/", "url_public"),
    (inputs.PublicUrl, "http://localhost./", "url_public"),
    (inputs.PublicUrl, "http://127.0.0.1/", "ip_public"),
    (inputs.PublicUrl, "http://2130706433/", "ip"),
    (inputs.PublicUrl, "http://0x7f.1/", "ip"),
    (inputs.PublicUrl, "http://[::ffff:10.0.0.1]/", "ip_public"),
    (inputs.PublicUrl, "http://１２７.０.０.１/", "hostname"),
    (inputs.PublicUrl, "http://①②⑦.⓪.⓪.①/", "hostname"),
    (TEAM, "https://example.com.evil.test/", "url_public"),
    (TEAM, "https://evilexample.com/", "url_host"),
    (TEAM, "http://example.com/", "url"),
    (inputs.FileName, "../a", "file_name"),
    (inputs.FileName, "a/b", "file_name"),
    (inputs.FileName, "a\\b", "file_name"),
    (inputs.FileName, "C:a", "file_name"),
    (inputs.FileName, "..", "file_name"),
    (inputs.FileName, ".htaccess", "file_name"),
    (inputs.FileName, "-rf", "file_name"),
    (inputs.FileName, "nul.txt", "file_name"),
    (inputs.FileName, "a.", "file_name"),
    (inputs.FileName, "a\u202egpj.exe", "text_character"),
    (inputs.FileName, "ü" * 130, "file_name"),  # 260 bytes
    (inputs.FileName, "a／b", "file_name"),
    (SORT, "title desc", "sort"),
    (SORT, "title,title", "sort"),
    (SORT, "(select 1)", "sort"),
    (SORT, "--title", "sort"),
    (SORT, ",,,,", "sort"),
    (COLUMN, "title; drop table notes", "literal_error"),
    (inputs.Amount, 0.1, "money_float"),
    (inputs.Amount, "NaN", "money_text"),
    (inputs.Amount, float("nan"), "money_float"),
    (inputs.Amount, "1e5", "money_text"),
    (inputs.Amount, "1_000", "money_text"),
    (inputs.Amount, "1,000.00", "money_text"),
    (inputs.Amount, "١٢", "money_text"),
    (inputs.Amount, 10**18, "decimal_max_digits"),
    (inputs.Day, "9999-12-31", "date"),
    (inputs.Day, 86400, "date"),
    (inputs.Day, "86400", "date"),
    (inputs.Day, "2026-11-28T00:00:00Z", "date"),
    (inputs.Day, datetime(2026, 11, 28, tzinfo=UTC), "date"),
    (inputs.Day, "2026-02-30", "date"),
    (inputs.Moment, 1_700_000_000, "date_time"),
    (inputs.Moment, "1700000000", "date_time"),
    (inputs.Moment, "2026-01-01T00:00:00", "date_time"),
    (inputs.Moment, "0001-01-01T00:00:00+14:00", "moment_range"),
    (inputs.Money, {"amount": "1.5", "currency": "JPY"}, "money_decimals"),
    (inputs.Money, {"amount": "1.5", "currency": "eur"}, "string_pattern_mismatch"),
    (inputs.Money, {"amount": "1.5", "currency": "XXQ"}, "money_currency"),
    (inputs.DayRange, {"start": "2026-02-01", "end": "2026-01-01"}, "range_order"),
    (inputs.DayRange, {"start": "2026-01-01", "end": "2028-01-01"}, "range_length"),
    (PATCH, [{"op": "replace", "path": "/role", "value": 1}], "patch_path"),
    (PATCH, [{"op": "replace", "path": "", "value": 1}], "patch_path"),
    (PATCH, [{"op": "replace", "path": "/tags/~2", "value": 1}], "patch_path"),
    (PATCH, [{"op": "copy", "from": "/title", "path": "/title"}], "union_tag_invalid"),
    (PATCH, [{"op": "remove", "path": "/title"}] * 4, "patch_long"),
]


@pytest.mark.parametrize(("kind", "given_", "kept"), ACCEPTED)
def test_what_is_good_is_taken_in_its_one_form(kind: Any, given_: Any, kept: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    assert adapter.validate_python(given_) == kept


@pytest.mark.parametrize(("kind", "given_", "reason"), REFUSED)
def test_what_is_bad_is_refused_for_its_own_reason(kind: Any, given_: Any, reason: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(given_)
    assert reason in {error["type"] for error in caught.value.errors()}


@pytest.mark.parametrize(
    "kind",
    [
        inputs.Name, inputs.Prose, inputs.Slug, inputs.Code, inputs.Hostname, inputs.IpAddress, inputs.PublicIp,
        inputs.Email, inputs.Phone, inputs.PublicUrl, inputs.FileName, inputs.HtmlFragment, inputs.Day,
        inputs.Moment, inputs.Amount, SORT, COLUMN,
    ],
)  # fmt: skip
@given(data=st.data())
def test_any_text_is_taken_or_refused_and_taking_it_again_changes_nothing(kind: Any, data: st.DataObject) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    text = data.draw(st.one_of(st.text(), st.text("ab.:/@-+0x[]%\\", max_size=20).map("http://".__add__), st.emails()))
    try:
        kept = adapter.validate_python(text)
    except ValidationError:
        return
    if isinstance(kept, str) and kind is not inputs.HtmlFragment:
        assert adapter.validate_python(kept) == kept
        assert unicodedata.is_normalized("NFC", kept)


@given(st.text(st.characters(categories=("Cc", "Cf", "Cs", "L", "M"))))
def test_kept_text_holds_nothing_that_acts(text: str) -> None:
    try:
        kept = compile_clean(100, lines=True)(text)
    except Exception:
        return
    assert not [one for one in kept if unicodedata.category(one) in ("Cc", "Cs") and one not in "\n\t"]
    assert not set(kept) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def test_what_acts_is_kept_where_it_is_asked_for() -> None:
    assert compile_clean(9, controls=True)("a\x1b") == "a\x1b"
    assert compile_clean(9, bidi=True)("a\u202e") == "a\u202e"


def test_what_is_no_text_any_more_is_written_as_the_text_it_was() -> None:
    class Asked(TypedDict):
        ip: inputs.IpAddress
        sort: SORT

    adapter: TypeAdapter[Any] = TypeAdapter(Asked)
    given_ = {"ip": "192.0.2.1", "sort": "-notes.created,title"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pydantic warns of values that are not what their schema says
        assert adapter.dump_python(adapter.validate_python(given_), mode="json") == given_


def test_no_character_that_shows_nothing_is_a_name_alone() -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(inputs.Name)
    for unseen in text_module._UNSEEN:
        with pytest.raises(ValidationError):
            adapter.validate_python(unseen)
        assert adapter.validate_python("\u0e01" + unseen + "\u0e01") if unseen.isprintable() else True


def test_every_refusal_of_a_type_has_a_sentence_of_its_own_in_the_answer() -> None:
    source = "".join(path.read_text() for path in Path(inputs.__file__).parent.glob("*.py"))
    kinds = set(re.findall(r'(?:PydanticCustomError|_wrong)\(\s*"(\w+)"', source)) | {"date", "date_time"}
    assert len(kinds) > 20
    assert not [kind for kind in kinds if describe(kind, {}) == describe("no such kind", {})]


def test_minus_nothing_is_nothing() -> None:
    assert str(TypeAdapter(inputs.Amount).validate_python("-0.00")) == "0.00"


def test_a_list_of_columns_that_is_no_list_of_identifiers_is_the_developers_error() -> None:
    for names in ((), ("title; --",), ("a.b.c",)):
        with pytest.raises(ValueError):
            inputs.OneOf(names)


@pytest.mark.parametrize(
    "attack",
    [
        "<script>x</script>", "<img src=x onerror=alert(1)>", "<a href='javascript:x'>a</a>", "<svg onload=x>",
        "<a href='java&#10;script:x'>a</a>", "<math><mtext><table><mglyph><style><img src=x onerror=x>",
        "[a](javascript:x)", "![t](https://tracker.example/p.png)", "[a](data:text/html,x)", "<style>*{}</style>",
    ],
)  # fmt: skip
def test_markup_that_acts_comes_out_inert(attack: str) -> None:
    for html in (inputs.sanitise(attack), inputs.render_markdown(attack), inputs.sanitise(attack, "text")):
        assert not any(
            part in html for part in ("<script", "<img", "<svg", "<style", "<math", 'href="java', 'href="data')
        )


def test_cursors_are_good_for_their_own_listing_only() -> None:
    class Signer:
        def sign(self, data: bytes) -> str:
            return hashlib.blake2b(data, key=b"k", digest_size=16).hexdigest()

        def verify(self, data: bytes, tag: str) -> bool:
            return hmac.compare_digest(self.sign(data).encode(), tag.encode())

    notes, users = inputs.Cursors(Signer(), "notes"), inputs.Cursors(Signer(), "users")
    cursor = notes.write(["2026-01-01", 7, None])
    assert notes.read(cursor) == ("2026-01-01", 7, None)
    for place, text in (
        (users, cursor),
        (notes, cursor[:-1]),
        (notes, "W10~x"),
        (notes, ""),
        (notes, "é~"),
        (notes, "x" * 9000),
    ):
        with pytest.raises(Exception, match="Not a cursor"):
            place.read(text)
