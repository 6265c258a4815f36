"""Output encoding: what each function must not let through, and the templates that are refused.

Quoted rule: "Output encoding is not perfect … each variable used in the user interface should be passed through an
output encoding function" of its own context (OWASP Cross Site Scripting Prevention Cheat Sheet). The proof by a real
browser is `tests/browser/test_encoding.py`.
"""
# ruff: noqa: E501  # the tables read best with a case on a line

from __future__ import annotations

import json
from html import unescape
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment
from markupsafe import Markup

from garrison.inputs import sanitise
from garrison.inputs.encode import (
    REFUSED_URL,
    css_string,
    header_value,
    html_attribute,
    html_text,
    js_string,
    json_in_script,
    log_text,
    safe_url,
    url_component,
    url_segment,
)
from garrison.inputs.encode_html import TemplateRefused
from garrison.inputs.encode_jinja import SafeEnvironment

ANY = st.text(st.characters())
BENIGN = ["O'Brien & Söhne", "a < b", "日本語 🚀", "SELECT * FROM notes", "https://example.com/?a=1&b=2", ""]


def render(template: str, **values: object) -> str:
    return SafeEnvironment().from_string(template).render(**values)


@given(ANY)
def test_html_comes_back_as_it_was(text: str) -> None:
    whole = "".join("\ufffd" if "\ud800" <= char <= "\udfff" or char == "\0" else char for char in text)
    for encode in (html_text, html_attribute):
        encoded = encode(text)
        assert not set("<>\"'\0\r") & set(encoded)
        assert unescape(encoded.replace("&#13;", "\r")) == whole


@given(ANY)
def test_a_component_of_an_address_is_one_value(text: str) -> None:
    encoded = url_component(text)
    assert encoded.isascii()
    assert not set("/?#&=+:@<>\"' ") & set(encoded)
    whole = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    assert unquote(encoded) == whole
    assert parse_qs(urlsplit(f"/x?q={encoded}").query, keep_blank_values=True) == {"q": [whole]}


@given(ANY)
def test_script_and_style_literals_end_nothing(text: str) -> None:
    for literal in (js_string(text), json_in_script({"a": text})):
        assert not set("<>&'\u2028\u2029`") & set(literal)
    assert json.loads(js_string(text)) == text
    assert not set("<>&'\n;}") & set(css_string(text))


@given(ANY)
def test_headers_and_logs_stay_on_one_line_and_tell_values_apart(text: str) -> None:
    assert header_value(text).isascii()
    assert header_value(text).isprintable()
    line = log_text(text)
    assert len(line.splitlines()) <= 1
    assert not any(char < " " or "\u2028" <= char <= "\u202e" for char in line)


@given(ANY, ANY)
def test_two_values_are_two_lines_of_a_log(one: str, other: str) -> None:
    assert (log_text(one) == log_text(other)) is (one == other)


@pytest.mark.parametrize("text", BENIGN)
def test_benign_text_reads_as_it_is(text: str) -> None:
    assert log_text(text) == text
    assert unescape(html_text(text)) == text
    assert unquote(header_value(text)) == text


def test_a_log_line_that_would_be_two_is_one() -> None:
    assert log_text("ok\n2026-01-01 admin logged in\x1b[2J") == "ok\\n2026-01-01 admin logged in\\u001b[2J"
    assert log_text("a\\nb") != log_text("a\nb")


def test_a_header_that_would_be_two_is_one() -> None:
    assert header_value("x\r\nSet-Cookie: a=1") == "x  Set-Cookie: a=1"
    assert header_value("naïve 100%") == "na%C3%AFve 100%25"


GOOD_URLS = ["https://example.com/?a=1&b=2#c", "/notes/7", "notes?q=a:b", "#top", "mailto:ann@example.com", "tel:+49301",
             "HTTPS://EXAMPLE.COM", "//example.com/x", "?q=javascript:alert(1)", "./a:b", ""]  # fmt: skip
BAD_URLS = ["javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)",
            "\x01javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,<script>", "vbscript:x", "file:///etc",
            "blob:x", "javascript\x00:alert(1)", "\u00adjavascript:alert(1)", "j\u2028avascript:x"]  # fmt: skip


@pytest.mark.parametrize("url", GOOD_URLS)
def test_a_link_that_runs_nothing_stays(url: str) -> None:
    assert safe_url(url) == url


@pytest.mark.parametrize("url", BAD_URLS, ids=ascii)
def test_an_address_that_runs_something_or_may_is_refused(url: str) -> None:
    assert safe_url(url) == REFUSED_URL
    assert 'href="about:invalid' in render('<a href="{{ x }}">', x=url)


def test_a_segment_is_never_a_way_up() -> None:
    for text in ("", ".", ".."):
        with pytest.raises(ValueError, match="segment"):
            url_segment(text)
    assert url_segment("../x") == "..%2Fx"


CHOICES = {
    "<p>{{ x }}</p>": "<p>&lt;&amp;&quot;&#39; /</p>",
    '<p title="{{ x }}">': '<p title="&lt;&amp;&quot;&#39; /">',
    "<p title='{{ x }}'>": "<p title='&lt;&amp;&quot;&#39; /'>",
    '<a href="/s?q={{ x }}">': '<a href="/s?q=%3C%26%22%27%20%2F">',
    '<a href="/n/{{ x }}/edit">': '<a href="/n/%3C%26%22%27%20%2F/edit">',
    "<script>const x = {{ x }};</script>": '<script>const x = "\\u003c\\u0026\\"\\u0027 /";</script>',
    "<script>const x = 'a {{ x }}';</script>": "<script>const x = 'a \\u003c\\u0026\\\"\\u0027 /';</script>",
    "<script>f({{ x }}, [{{ x }}])</script>": '<script>f("\\u003c\\u0026\\"\\u0027 /", ["\\u003c\\u0026\\"\\u0027 /"])</script>',
    '<script type="application/json">{{ x }}</script>': '<script type="application/json">"\\u003c\\u0026\\"\\u0027 /"</script>',
    '<style>p::before { content: "{{ x }}" }</style>': '<style>p::before { content: "\\00003c\\000026\\000022\\000027\\000020\\00002f" }</style>',
    "<title>{{ x }}</title><textarea>{{ x }}</textarea>": "<title>&lt;&amp;&quot;&#39; /</title><textarea>&lt;&amp;&quot;&#39; /</textarea>",
}


@pytest.mark.parametrize("template", CHOICES)
def test_each_place_gets_its_encoding(template: str) -> None:
    assert render(template, x="<&\"' /") == CHOICES[template]


REFUSED = {
    "unquoted": "<a href={{ x }}>", "unquoted-tail": "<a href=/x/{{ x }}>", "handler": '<a onclick="f({{ x }})">',
    "style": '<p style="color: {{ x }}">', "srcdoc": '<iframe srcdoc="{{ x }}"></iframe>', "name": '<p {{ x }}="a">',
    "name-tail": '<p data-{{ x }}="a">', "tag": "<{{ x }}>", "tag-tail": "<h{{ x }}>", "comment": "<!-- {{ x }} -->",
    "script-src": '<script src="{{ x }}"></script>', "frame-src": '<iframe src="{{ x }}"></iframe>',
    "base": '<base href="{{ x }}">', "stylesheet": '<link rel="stylesheet" href="{{ x }}">',
    "host": '<a href="https://{{ x }}/">', "scheme": '<a href="java{{ x }}">', "scheme-2": '<a href="javascript:{{ x }}">',
    "safe": "<p>{{ x|safe }}</p>", "safe-inside": "<p>{{ (x|safe) ~ y }}</p>", "safe-set": "{% set y = x|safe %}{{ y }}",
    "autoescape": "{% autoescape false %}{{ x }}{% endautoescape %}", "tojson": "<p>{{ x|tojson }}</p>",
    "filter-block": "{% filter upper %}{{ x }}{% endfilter %}", "xmlattr": "<p{{ x|xmlattr }}>",
    "template-literal": "<script>const a = `${ {{ x }} }`;</script>", "js-comment": "<script>// {{ x }}</script>",
    "js-name": "<script>const {{ x }} = 1;</script>", "js-pattern": "<script>const a = /{{ x }}/;</script>",
    "js-comment-open": "<script>/* {{ x }} */</script>", "css": "<style>p { color: {{ x }} }</style>",
    "css-url": "<style>p { background: url({{ x }}) }</style>", "css-comment": '<style>/* " {{ x }} */</style>',
    "script-escape": "<script><!-- {{ x }}</script>", "branch-quote": '<p title="{% if x %}a"{% endif %}>',
    "branch-tag": "{% if x %}<p {% endif %}>", "branch-attribute": '<p {% if x %}title="{% else %}class="{% endif %}a">',
    "branch-script": "{% if x %}<script>{% endif %}{{ x }}", "branch-glued": '<p{% if x %} title="a"{% endif %}b="c">',
    "loop-open": "{% for a in x %}<p title={% endfor %}", "block-in-tag": '<p {% block a %}{% endblock %}>',
    "block-in-script": "<script>{% block a %}{% endblock %}</script>", "block-open": "{% block a %}<p title={% endblock %}",
    "ends-open": '<p title="', "refresh": '<meta http-equiv="refresh" content="0;url={{ x }}">',
    "refresh-after": '<meta content="0;url={{ x }}" http-equiv="refresh">', "plaintext": "<plaintext>{{ x }}",
    "pattern-quote": "<script>a = /'/.test(b) ? {{ x }} : 1;</script>", "closing": "</{{ x }}>",
    "js-half-end": '<script>a = "</script{{ x }}";</script>', "js-line-end": "<script>a = 'b\n{{ x }}</script>",
    "css-unquoted-url": "<style>p { background: url(a'b); content: '{{ x }}' }</style>",
    "animate": '<svg><animate attributeName="href" values="{{ x }}"/></svg>',
    "branch-string": "<script>a = {% if x %}'{% endif %}{{ x }}</script>",
    "srcset": '<img srcset="{{ x }}">', "macro-open": "{% macro m() %}<p title={% endmacro %}",
    "include-in-tag": '<p {% include "a" %}>', "url-mixed": '<a href="{% if y %}/x?{% endif %}{{ x }}">',
}  # fmt: skip


@pytest.mark.parametrize("template", REFUSED.values(), ids=REFUSED)
def test_a_place_that_nothing_makes_safe_is_refused_with_its_line(template: str) -> None:
    Environment(autoescape=True, extensions=["jinja2.ext.do"]).from_string(
        template
    )  # the control: plain Jinja2 takes it
    with pytest.raises(TemplateRefused) as refused:
        SafeEnvironment().from_string(f"<p>first line</p>\n{template}")
    assert refused.value.remedy
    assert refused.value.line in {1, 2, 3}


TAKEN = [
    '<tr{% if x %} class="off"{% endif %}><td>{{ x }}</td></tr>',
    '<input type="checkbox"{% if x %} checked{% endif %}>',
    '<p class="{% if x %}a{% else %}b{% endif %} c">{{ x }}</p>',
    '<a href="{% if x %}/a/{{ x }}{% else %}/b/{{ x }}{% endif %}">x</a>',
    '<a href="/?{% for a in "ab" %}{{ a }}={{ x }}&{% endfor %}">x</a>',
    "{% for a in 'ab' %}<li>{{ a }}</li>{% else %}<li>none</li>{% endfor %}",
    "{% macro m(a) %}<b>{{ a }}</b>{% endmacro %}<p>{{ m(x) }}</p>",
    "{% set y %}<b>{{ x }}</b>{% endset %}<p>{{ y }}</p>",
    "<!-- a comment -->{{ x }}<br/>a < b {{ x }}",
    '<script nonce="{{ x }}">const a = "it\'s // no comment", b = {{ x }};</script>{{ x }}',
    "<script>{% if x %}const a = 1;{% endif %} const b = {{ x }}, c = 'a/b {{ x }}';</script>{{ x }}",
    "<script>{% for a in 'ab' %}f({{ a }}); /* done */ {% endfor %}</script>{{ x }}",
    "<style>p { background: url('a.png') } i::before { content: '{{ x }}' }</style>{{ x }}",
    "<p title=plain>{{ x }}</p>", "<IMG SRC='/i/{{ x }}.png' ALT=\"{{ x }}\">", '<img src="{{ x }}">',
    '<meta name="description" content="{{ x }}">', '<a href="mailto:{{ x }}">{{ x }}</a>', "{# {{ x|safe }} #}{{ x }}",
    '<!doctype html>\n<html lang="{{ x }}"><head><title>{{ x }}</title></head><body>{{ x }}</body></html>',
]  # fmt: skip


@pytest.mark.parametrize("template", TAKEN)
def test_what_people_write_is_taken(template: str) -> None:
    assert "<script>alert" not in render(template, x='"><script>alert(1)</script>')


def test_inheritance_and_includes_are_proven_too() -> None:
    files = {
        "base": '<title>{% block title %}{% endblock %}</title><p>{% block main %}{% endblock %}</p>{% include "part" %}',
        "child": '{% extends "base" %}{% block title %}{{ x }}{% endblock %}{% block main %}<b>{{ x }}</b>{% endblock %}',
        "bad": '{% extends "base" %}{% block main %}<b title={{ x }}>{% endblock %}', "part": "<i>{{ x }}</i>",
    }  # fmt: skip
    environment = SafeEnvironment(loader=DictLoader(files))
    shown = environment.get_template("child").render(x="<x>")
    assert shown == "<title>&lt;x&gt;</title><p><b>&lt;x&gt;</b></p><i>&lt;x&gt;</i>"
    with pytest.raises(TemplateRefused, match=r"^bad, line 1"):
        environment.get_template("bad")


def test_sanitised_html_stays_between_tags_and_nowhere_else() -> None:
    html = sanitise("<b>bold</b><script>x</script>")
    assert render("<p>{{ x }}</p>", x=html) == "<p><b>bold</b></p>"
    assert render('<p title="{{ x }}">', x=html) == '<p title="&lt;b&gt;bold&lt;/b&gt;">'
    assert render('<p title="{{ x }}">', x=Markup("a &amp; b")) == '<p title="a &amp; b">'


def test_a_query_that_was_encoded_already_stays() -> None:
    assert render('<a href="/?{{ {"q": "a&b", "n": 2}|urlencode }}">') == '<a href="/?q&#61;a%26b&amp;n&#61;2">'


def test_a_segment_of_dots_leads_nowhere() -> None:
    assert render('<a href="/notes/{{ x }}/edit">', x="..") == '<a href="/notes/%00/edit">'


def test_pictures_may_be_data_and_links_may_not() -> None:
    picture = "data:image/png;base64,AAAA"
    assert "data:image/png" in render('<img src="{{ x }}">', x=picture)
    assert "about:invalid" in render('<a href="{{ x }}">', x=picture)
    assert "about:invalid" in render('<img src="{{ x }}">', x="data:text/html,x")


@pytest.mark.parametrize(
    "template",
    [
        """<link rel="stylesheet" href="{{ url_for('static', path='/a.css') }}">""",
        """<script src="{{ url_for('static', path='/a.js') }}"></script>""",
        """{% for x in 'ab' %}<script src='{{ url_for("static", path=x) }}?v=1'></script>{% endfor %}""",
    ],
)
def test_code_of_a_route_of_ones_own_is_taken(template: str) -> None:
    def url_for(name: str, path: str) -> str:
        return f'https://shop.example/{name}/{path}"><b>'

    text = SafeEnvironment().from_string(template).render(url_for=url_for)
    assert "https://shop.example/static/" in text
    assert "<b>" not in text


@pytest.mark.parametrize("value", ["url_of(x)", "url_for(x)|lower", "url_for", "x.url_for(1)", "url_for(x) ~ x", "x"])
def test_code_of_another_address_is_refused(value: str) -> None:
    with pytest.raises(TemplateRefused, match="whole address of code"):
        SafeEnvironment().from_string('<script src="{{ ' + value + ' }}"></script>')


def test_what_somebody_vouches_for_has_a_name_that_grep_finds() -> None:
    assert render("<p>{{ x|allow_insecure_html }}</p>", x="<b>") == "<p><b></p>"
