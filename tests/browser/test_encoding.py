"""Every encoding against a real browser: any string is one inert value, and the naive way is not.

Thousands of strings, seeded: pieces that end places, in any mixture, with any characters between. Chromium parses a page
in which each string stands in each context, and tells what it found, as UTF-16 code units: compared with what was put in.
"""
# ruff: noqa: E501  # the tables read best with a case on a line

from __future__ import annotations

import json
import random
from collections.abc import Callable
from html import escape
from typing import Any

import pytest
from jinja2 import Environment
from playwright.sync_api import BrowserContext

from garrison.inputs import encode
from garrison.inputs.encode_jinja import SafeEnvironment

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PIECES = [
    "<", ">", '"', "'", "`", "&", "&amp;", "&#60;", "&lt", "\\", "/", "=", "\n", "\r", "\r\n", "\t", "\0", "\f", "\x0b", "\x7f", "\x85",
    "\u2028", "\u2029", "\ufeff", "\ufffe", "\ufffd", "\ud800", "\udfff", "\ud83d\ude00", "🚀", "é", "e\u0301", "日本", "\u202e", "\x1b",
    "</script>", "<script>hit()</script>", "<!--", "-->", "]]>", "<![CDATA[", "</style>", "</title>", "</textarea>", "<img src=x onerror=hit()>",
    "\" onmouseover=hit() x=\"", "' autofocus onfocus=hit() '", "javascript:hit()", "\";hit();//", "';hit();//", "${hit()}", "*/hit()/*",
    "}body{background:red}", "\\\n", "\\22 ", "@import 'x';", "url(x)", "expression(hit())", "%00", "%2e%2e/", "../", "//evil.example", "?", "#", "&q=2",
    "+", " ", "a", "0", "A", ".", ";", ":", "{", "}", "(", ")", "[", "]", "{{7*7}}", "\\u0022", "\\x3c", "__proto__", "\x01", "\x1f", "\u00a0",
]  # fmt: skip
COUNT, AT_ONCE = 3000, 500

Encoders = dict[str, Callable[[str], str]]
SAFE: Encoders = {
    "text": encode.html_text,
    "attribute": encode.html_attribute,
    "url": encode.url_component,
    "js": encode.js_string,
    "json": lambda text: encode.json_in_script([text]),
    "css": encode.css_string,
}
NAIVE: Encoders = {
    "text": lambda text: text,
    "attribute": lambda text: text.replace("<", "&lt;"),
    "url": lambda text: escape(text),
    "js": lambda text: '"' + escape(text) + '"',
    "json": lambda text: json.dumps([text], ensure_ascii=False),
    "css": lambda text: '"' + text.replace('"', '\\"') + '"',
}
READ = """
() => {
  const units = (text) => Array.from({length: text.length}, (_, at) => text.charCodeAt(at));
  const found = [];
  for (let n = 0; document.getElementById("t" + n); n += 1) {
    const one = {};
    const ask = (name, read) => { try { one[name] = units(read()); } catch (error) { one[name] = null; } };
    ask("text", () => document.getElementById("t" + n).textContent);
    ask("attribute", () => document.getElementById("a" + n).getAttribute("title"));
    ask("url", () => new URL(document.getElementById("u" + n).href).searchParams.get("q"));
    ask("js", () => window.js[n]);
    ask("json", () => JSON.parse(document.getElementById("j" + n).textContent)[0]);
    ask("css", () => getComputedStyle(document.getElementById("c" + n), "::before").content);
    found.push(one);
  }
  return {found, hits: window.hits, elements: document.body.querySelectorAll("*").length};
}
"""


def strings() -> list[str]:
    draw = random.Random(20261128)
    made = list(PIECES)
    while len(made) < COUNT:
        parts = [
            draw.choice(PIECES) if draw.random() < 0.8 else chr(draw.randrange(0x110000))
            for _ in range(draw.randint(1, 8))
        ]
        made.append("".join(parts))
    return made


def page_of(texts: list[str], how: Encoders) -> bytes:
    """A page with every text in every context."""
    parts = [
        "<!doctype html><meta charset=utf-8><script>window.hits = 0; window.js = []; function hit() { window.hits += 1; }</script><body>"
    ]
    for n, text in enumerate(texts):
        encoded = {name: encode_one(text) for name, encode_one in how.items()}
        parts.append(
            f'<p id="t{n}">{encoded["text"]}</p><p id="a{n}" title="{encoded["attribute"]}"></p>'
            f'<a id="u{n}" href="/x?q={encoded["url"]}"></a><script>window.js[{n}] = {encoded["js"]};</script>'
            f'<script type="application/json" id="j{n}">{encoded["json"]}</script>'
            f'<style>#c{n}::before {{ content: {encoded["css"]} }}</style><p id="c{n}"></p>\n'
        )
    return "".join(parts).encode("utf-8", "strict" if how is SAFE else "replace")


def units(text: str) -> list[int]:
    data = text.encode("utf-16-le", "surrogatepass")
    return [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]


def whole(text: str, *, nul: bool) -> str:
    """What a page can hold of it."""
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" or (nul and char == "\0") else char for char in text)


def expected(text: str) -> dict[str, list[int]]:
    page, address = units(whole(text, nul=True)), units(whole(text, nul=False))
    return {"text": page, "attribute": page, "url": address, "js": units(text), "json": units(text), "css": page}


def unquoted(found: list[int] | None) -> list[int] | None:
    """A CSS string as Chromium writes it (CSSOM, "serialize a string"), read back."""
    if found is None or found[:1] != [0x22] or found[-1:] != [0x22]:
        return None
    out, inside, at = "", "".join(map(chr, found[1:-1])), 0
    while at < len(inside):
        char = inside[at]
        at += 1
        if char != "\\":
            out += char
            continue
        digits = ""
        while at < len(inside) and len(digits) < 6 and inside[at] in "0123456789abcdefABCDEF":
            digits += inside[at]
            at += 1
        if digits:
            out += chr(int(digits, 16))
            at += at < len(inside) and inside[at] == " "
        else:
            out += inside[at]
            at += 1
    return units(out)


def ask(visitor: BrowserContext, texts: list[str], how: Encoders) -> dict[str, Any]:
    return opened(visitor, page_of(texts, how))


def opened(visitor: BrowserContext, body: bytes) -> dict[str, Any]:
    """What Chromium found in the page, which reaches nothing else."""
    address = "https://encoding.localhost/"
    page = visitor.new_page()
    try:
        page.route("**/*", lambda route: route.abort())
        page.route(address, lambda route: route.fulfill(body=body, content_type="text/html"))
        page.goto(address, wait_until="load")
        answer: dict[str, Any] = page.evaluate(READ)
        return answer
    finally:
        page.close()


def wrong(texts: list[str], answer: dict[str, Any]) -> dict[str, list[str]]:
    """By context, the strings that did not come back as one value."""
    missed: dict[str, list[str]] = {name: [] for name in SAFE}
    for n, text in enumerate(texts):
        found = dict(answer["found"][n]) if n < len(answer["found"]) else {}
        found["css"] = unquoted(found.get("css"))
        for name, value in expected(text).items():
            if found.get(name) != value:
                missed[name].append(text)
    return missed


def test_every_string_is_one_inert_value_in_every_context(visitor: BrowserContext) -> None:
    texts = strings()
    for start in range(0, COUNT, AT_ONCE):
        some = texts[start : start + AT_ONCE]
        answer = ask(visitor, some, SAFE)
        assert wrong(some, answer) == {name: [] for name in SAFE}
        assert answer["hits"] == 0
        assert answer["elements"] == 7 * len(some), "no element but the page's own"


def test_the_naive_encoding_of_every_context_is_broken_by_some_of_them(visitor: BrowserContext) -> None:
    """The control, one context at a time: all others encoded rightly."""
    texts = strings()[:AT_ONCE]
    for name, careless in NAIVE.items():
        answer = ask(visitor, texts, {**SAFE, name: careless})
        assert wrong(texts, answer)[name], name
    answer = ask(visitor, ["<img src=x onerror=hit()>", "<script>hit()</script>"], {**SAFE, "text": NAIVE["text"]})
    assert answer["hits"] >= 1


TEMPLATE = """<!doctype html><meta charset=utf-8><script>window.hits = 0; window.js = []; function hit() { window.hits += 1; }</script><body>
{% for x in texts %}{% set n = loop.index0 %}<p id="t{{ n }}">{{ x }}</p><p id="a{{ n }}" title="{{ x }}"></p>
<a id="u{{ n }}" href="/x?q={{ x }}"></a><script>window.js[{{ n }}] = {{ x }};</script>
<script type="application/json" id="j{{ n }}">[{{ x }}]</script>
<style>[id="c{{ n }}"]::before { content: "{{ x }}" }</style><p id="c{{ n }}"></p>{% endfor %}"""


def test_a_template_picks_the_encoding_of_each_place_and_plain_jinja_does_not(visitor: BrowserContext) -> None:
    texts = strings()[:AT_ONCE]
    page = SafeEnvironment().from_string(TEMPLATE).render(texts=texts)
    answer = opened(visitor, page.encode())
    assert wrong(texts, answer) == {name: [] for name in SAFE}
    assert answer["hits"] == 0
    plain = Environment(autoescape=True).from_string(TEMPLATE).render(texts=texts)
    missed = wrong(texts, opened(visitor, plain.encode("utf-8", "replace")))
    assert all(missed[name] for name in ("url", "js", "json", "css"))  # the control
