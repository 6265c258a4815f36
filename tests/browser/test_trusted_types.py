"""Text that a page's own script puts into it (DOM-based XSS, CWE-79), in Chromium: with and without Trusted Types.

Inline handlers are allowed on these pages, so that nothing but Trusted Types and the helper's policy stands in the way.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Error, Page
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tests.browser.conftest import Serve
from tests.browser.serving import eventually, guard

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

LOOSE = {"script-src": ["'self'", "'unsafe-inline'", "'unsafe-eval'"], "img-src": ["'self'", "data:"]}
WITHOUT = {"directives": LOOSE, "without": ["require-trusted-types-for"]}
NAIVE = "(text) => { document.querySelector('main').innerHTML = text }"
HELPED = "(text) => { document.querySelector('main').innerHTML = trusted.createHTML(text) }"
PARSE = "(text) => new DOMParser().parseFromString(text, 'text/html')"
RUN = "planted.push(1)"
PAYLOADS = [
    f"<img src=x onerror={RUN}>",
    f"<svg onload={RUN}>",
    f"<svg><script>{RUN}</script></svg>",
    f"<details open ontoggle={RUN}>x</details>",
    f"<iframe srcdoc='<script>parent.{RUN}</script>'></iframe>",
    f"<iframe src='javascript:parent.{RUN}'></iframe>",
    f"<input autofocus onfocus={RUN}>",
    f"<video><source onerror={RUN}></video>",
    f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror={RUN}&gt;'>",
    f"<form><math><mtext></form><form><mglyph><style></math><img src onerror={RUN}>",
    f"<svg></p><style><a id='</style><img src=1 onerror={RUN}>'>",
    f"<noscript><p title='</noscript><img src=x onerror={RUN}>'>",
    f"<template><img src=x onerror={RUN}></template><img src=x onerror={RUN}>",
    f"<form onmouseover=1><input name=attributes><input name=childNodes><img src=x onerror={RUN}></form>",
    f"<form id=x><input name=nodeType></form><img src=x onerror={RUN}>",
    f"<a href='javascript:{RUN}' id=bait>x</a>",
    f"<a href='&#1;java&#10;script:{RUN}' id=bait>x</a>",
    f"<a href='JaVaScRiPt:{RUN}' id=bait>x</a>",
    f"<base href='javascript:/a/-{RUN}///////'><a id=bait href=../lol/safari.html>x</a>",
    f"<xmp><p title='</xmp><img src=x onerror={RUN}>'>",
    f"<select><noembed></select><script x='a@b'a>y='a@b'//a@b%0a\\u0061lert(1)</script x><img src=x onerror={RUN}>",
    "<div>" * 600 + f"<img src=x onerror={RUN}>",
    f"<table><caption><svg><title><table><caption></table></title><style><a title='</style><img src=x onerror={RUN}>'>",
]  # fmt: skip
BENIGN = [
    "<p>O'Brien &amp; <b>李小龍</b> 👩‍🚀</p>",
    "<h2 dir=\"rtl\">שלום</h2><ul><li>100 % &lt;script&gt;</li></ul>",
    "<table><tbody><tr><td colspan=\"2\">SELECT * FROM t; --</td></tr></tbody></table>",
    "<pre><code>if (a &lt; b) { alert('x') }</code></pre>",
    "<img src=\"/static/a.png\" alt=\"a\">",
    "just text",
]  # fmt: skip


def page_of(serve: Serve, visitor: BrowserContext, folder: Path, csp: dict[str, Any]) -> Page:
    """A page with `planted`, where attacks leave their mark, and `broken`, where errors do."""

    async def page(request: Request) -> Response:
        nonce = request.state.garrison.nonce
        return HTMLResponse(
            "<!doctype html><link rel=icon href='data:,'><main></main><script>var planted = []</script>"
            f"<script src=/.garrison/trusted-types.js nonce={nonce}></script>"
        )

    async def more(request: Request) -> Response:
        return Response("planted.push('ours')", media_type="text/javascript")

    app, events = guard(Starlette(routes=[Route("/", page), Route("/more.js", more)]), folder, csp=csp)
    found = visitor.new_page()
    found.goto(serve(app).url)
    found.garrison_events = events  # type: ignore[attr-defined]
    return found


def planted(page: Page, run: str, text: str) -> bool:
    """Whether script in `text` ran once `run` put it into the page."""
    page.evaluate("() => { planted.length = 0 }")
    page.evaluate(run, text)
    page.evaluate("() => document.querySelector('a#bait[href*=script i]')?.click()")
    return bool(eventually(lambda: page.evaluate("() => planted.length"), 0.3))


def test_naive_markup_runs_without_trusted_types_and_is_refused_and_reported_with_them(
    serve: Serve, visitor: BrowserContext, folder: Path
) -> None:
    bare = page_of(serve, visitor, folder / "bare", WITHOUT)
    assert planted(bare, NAIVE, PAYLOADS[0])  # control
    page = page_of(serve, visitor, folder / "with", {"directives": LOOSE, "trusted_types": "garrison"})
    for attack in (NAIVE, "(text) => document.write(text)", PARSE):
        with pytest.raises(Error, match="TrustedHTML"):
            page.evaluate(attack, PAYLOADS[0])
    assert page.evaluate("() => [planted.length, document.querySelector('main').innerHTML]") == [0, ""]
    events = page.garrison_events  # type: ignore[attr-defined]
    assert "trusted-types" in str(events.wait(name="browser_report")["details"])


def test_no_script_makes_another_policy_or_this_one_again(serve: Serve, visitor: BrowserContext, folder: Path) -> None:
    make = "(name) => trustedTypes.createPolicy(name, { createHTML: (text) => text }).createHTML('x').toString()"
    bare = page_of(serve, visitor, folder / "bare", {"directives": LOOSE})
    assert bare.evaluate(make, "evil") == "x"  # control
    page = page_of(serve, visitor, folder / "with", {"directives": LOOSE, "trusted_types": "garrison"})
    for name in ("evil", "garrison", "default"):
        with pytest.raises(Error, match="Policy"):
            page.evaluate(make, name)


def test_the_helper_takes_every_script_out_and_leaves_what_people_write(
    serve: Serve, visitor: BrowserContext, folder: Path
) -> None:
    bare = page_of(serve, visitor, folder / "bare", WITHOUT)
    ran = [text for text in PAYLOADS if planted(bare, NAIVE, text)]
    assert len(ran) >= 12  # control: the others need a second parse
    page = page_of(serve, visitor, folder / "with", {"directives": LOOSE, "trusted_types": "garrison"})
    for text in PAYLOADS:
        assert not planted(page, HELPED, text), text
    for text in BENIGN:
        page.evaluate(HELPED, text)
        assert page.evaluate("() => document.querySelector('main').innerHTML") == text
    link = '<a href="https://a.example/?q=O\'Brien">x</a>'
    assert (
        page.evaluate("(text) => trusted.createHTML(text).toString()", link).count("https://a.example/?q=O'Brien") == 1
    )


ELEMENTS = """
svg math mtext mglyph style table tr td caption form p b template noscript select option xmp title textarea br li
plaintext foreignObject desc
"""
PIECES = [
    *(f"<{name}>" for name in ELEMENTS.split()), *(f"</{name}>" for name in ELEMENTS.split()),
    "<a href='javascript:RUN'>", "<img src=x onerror=RUN>", "&lt;img src=x onerror=RUN&gt;", "<!--", "-->", "'", '"',
    "<", ">",
    "<annotation-xml encoding='text/html'>", "<![CDATA[", "]]>", "<input name=attributes>", "<input name=parentNode>",
    "<pre>\n", "<q cite=x>", "text",
]  # fmt: skip
MANY = """(texts) => texts.map((text) => {
  const once = trusted.createHTML(text).toString();
  const box = document.createElement("div");
  box.innerHTML = trusted.createHTML(text);
  document.querySelector("main").replaceChildren(box);
  const elements = [...box.querySelectorAll("*")];
  const odd = elements.filter((one) => one.namespaceURI !== "http://www.w3.org/1999/xhtml"
    || /^(script|style|svg|math|iframe|form|input|template|object|embed)$/.test(one.localName)
    || [...one.attributes].some((each) => /^on|^(id|name|style|class)$/.test(each.name)
      || /^(href|src)$/.test(each.name) && /^\\s*javascript/i.test(each.value)));
  const again = trusted.createHTML(once).toString();
  return [odd.length, trusted.createHTML(again).toString() === again];
})"""


def test_whatever_is_put_together_nothing_but_allowed_elements_stands_in_the_page(
    serve: Serve, visitor: BrowserContext, folder: Path
) -> None:
    page = page_of(serve, visitor, folder, {"directives": LOOSE, "trusted_types": "garrison"})
    dice = random.Random(5)
    texts = ["".join(dice.choices(PIECES, k=dice.randint(2, 25))).replace("RUN", RUN) for _ in range(3000)]
    found = page.evaluate(MANY, texts)
    assert [text for text, one in zip(texts, found, strict=True) if one != [0, True]] == []
    assert not eventually(lambda: page.evaluate("() => planted.length"), 0.3)


def test_script_addresses_lead_to_this_origin_and_text_is_never_script(
    serve: Serve, visitor: BrowserContext, folder: Path
) -> None:
    load = """(address) => new Promise((done) => {
      const script = document.createElement("script");
      script.src = ADDRESS; script.onload = () => done(planted.length); script.onerror = () => done(-1);
      document.head.append(script);
    })"""
    page = page_of(serve, visitor, folder, {"directives": LOOSE, "trusted_types": "garrison"})
    assert page.evaluate(load.replace("ADDRESS", "trusted.createScriptURL(address)"), "/more.js") == 1
    with pytest.raises(Error, match="TrustedScriptURL"):
        page.evaluate(load.replace("ADDRESS", "address"), "/more.js")
    for address in (
        "https://evil.example/x.js",
        "//evil.example/x.js",
        "data:text/javascript,1",
        "javascript:1",
        "http://[",
    ):
        with pytest.raises(Error, match="TypeError"):
            page.evaluate("(address) => trusted.createScriptURL(address)", address)
    with pytest.raises(Error, match="never run as script"):
        page.evaluate("() => trusted.createScript('1')")


def test_under_the_name_default_old_code_goes_on_working_without_script(
    serve: Serve, visitor: BrowserContext, folder: Path
) -> None:
    page = page_of(serve, visitor, folder, {"directives": LOOSE, "trusted_types": "default"})
    assert not any(planted(page, NAIVE, text) for text in PAYLOADS[:8])
    page.evaluate(NAIVE, BENIGN[0] + PAYLOADS[0])
    assert page.evaluate("() => document.querySelector('main').innerHTML") == BENIGN[0] + '<img src="x">'
