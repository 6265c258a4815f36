"""Jinja2 with the encoding that each place needs, chosen when a template is compiled.

Threat: see `encode_html`. Autoescaping knows one encoding; here every `{{ value }}` gets the one of its place (text,
attribute, address, script, style), and a template whose places can't be proven is refused with its line: unquoted
attributes, values in handlers, `|safe`, `{% autoescape false %}`, branches that end in different places.

Assumption: blocks, included templates and macros stand between tags; that is checked where they are used. Values with
`__html__` (sanitised HTML, macros' results) stay as they are between tags, and are encoded everywhere else.
Lets pass: what goes through `allow_insecure_html`, which is what `|safe` is called here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from jinja2 import Environment, nodes
from jinja2.filters import do_urlencode
from markupsafe import Markup

from ..core.errors import DependencyError
from . import encode
from .encode_html import TEXT, At, Place, TemplateRefused, Unprovable, read
from .encode_place import encoding, join

_REMEDY_SAFE: Final = "Sanitise it (garrison.inputs.sanitise), or say allow_insecure_html where it is really meant."
_PICTURES: Final = ("data:image/png", "data:image/jpeg", "data:image/gif", "data:image/webp", "data:image/svg+xml")


class EncodedUrl(str):
    """An address, or a part of one, whose reserved characters are meant: what `|urlencode` gives."""

    __slots__ = ()


class SafeEnvironment(Environment):
    """A Jinja2 environment that chooses encodings. Raises `TemplateRefused` for a template that is loaded, and
    `DependencyError` at once where this version of Jinja2 does not ask it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "autoescape": True})
        self.filters.update(_FILTERS)
        self.filters["allow_insecure_html"] = _insecure
        self.filters["urlencode"] = _urlencode
        _self_test(self)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        _Prover(self, name or "a template").template(tree)
        return tree


class _Prover:
    """Walks one template with the place it is at, and wraps each value."""

    def __init__(self, environment: Environment, name: str) -> None:
        self._environment = environment
        self._name = name
        self._line = 1

    def template(self, tree: nodes.Template) -> None:
        self._refuse_loopholes(tree)
        extends = any(isinstance(node, nodes.Extends) for node in tree.body)
        try:
            end = self._body(tree.body, TEXT)
        except Unprovable as error:
            raise TemplateRefused(self._name, self._line, error.what, error.remedy) from None
        if end != TEXT and not extends:
            raise TemplateRefused(self._name, self._line, "the template ends inside a tag", "Close what it opens.")

    def _refuse_loopholes(self, tree: nodes.Template) -> None:
        for found in tree.find_all((nodes.Filter, nodes.FilterBlock, nodes.ScopedEvalContextModifier)):
            if isinstance(found, nodes.Filter) and found.name not in {"safe", "forceescape", "xmlattr", "tojson"}:
                continue
            what, remedy = _loophole(found)
            raise TemplateRefused(self._name, found.lineno, what, remedy)

    def _body(self, body: Iterable[nodes.Node], place: Place) -> Place:
        for node in body:
            self._line = node.lineno
            place = self._node(node, place)
        return place

    def _node(self, node: nodes.Node, place: Place) -> Place:
        if isinstance(node, nodes.Output):
            return self._output(node, place)
        if isinstance(node, nodes.If):
            ends = [self._body(part.body, place) for part in (node, *node.elif_)]
            end = self._body(node.else_, place)
            for other in ends:
                end = join(end, other)
            return end
        if isinstance(node, nodes.For):
            return self._loop(node, place)
        if isinstance(node, nodes.With):
            return self._body(node.body, place)
        if isinstance(node, (nodes.Block, nodes.Macro, nodes.CallBlock, nodes.AssignBlock)):
            return self._apart(node, place)
        if isinstance(node, nodes.Include) and place != TEXT:
            raise Unprovable("an include inside a tag", "Include whole elements.")
        return place

    def _loop(self, node: nodes.For, place: Place) -> Place:
        start = place
        end = join(start, self._body(node.body, start))
        if end != start:  # round again, from where the first round ended; the values are wrapped already
            end = join(end, _again(node.body, end))
        return join(end, self._body(node.else_, place)) if node.else_ else end

    def _apart(self, node: Any, place: Place) -> Place:
        """What is rendered elsewhere or replaced by others: whole elements, between tags."""
        is_text = place.at is At.TEXT
        if isinstance(node, (nodes.Block, nodes.CallBlock)) and not is_text:
            raise Unprovable("a block inside a tag or a script", "Put blocks between elements.")
        if self._body(node.body, TEXT) != TEXT:
            raise Unprovable("a block that ends inside a tag", "Close in a block what it opens.")
        return place

    def _output(self, node: nodes.Output, place: Place) -> Place:
        wrapped: list[nodes.Expr] = []
        for part in node.nodes:
            self._line = part.lineno
            if isinstance(part, nodes.TemplateData):
                place = read(place, part.data)
                wrapped.append(part)
                continue
            name, place = encoding(place, own=_is_own_route(part))
            made = nodes.Filter(part, f"garrison_{name}", [], [], None, None, lineno=part.lineno)
            wrapped.append(made.set_environment(self._environment))  # type: ignore[arg-type]  # answers with the node
        node.nodes = wrapped
        return place


def _is_own_route(value: nodes.Expr) -> bool:
    """`url_for(…)`, and nothing around it: the name of a route says where to, on this host, whatever its parameters."""
    return isinstance(value, nodes.Call) and isinstance(value.node, nodes.Name) and value.node.name == "url_for"


def _behind(wrapped: nodes.Expr, place: Place) -> Place:
    """The place behind a value that has its encoding around it already."""
    inner = wrapped.node if isinstance(wrapped, nodes.Filter) and wrapped.node is not None else wrapped
    return encoding(place, own=_is_own_route(inner))[1]


def _again(body: Iterable[nodes.Node], place: Place) -> Place:
    """The place behind another round of `body`, whose text alone moves it."""
    for node in body:
        if isinstance(node, nodes.Output):
            for part in node.nodes:
                place = read(place, part.data) if isinstance(part, nodes.TemplateData) else _behind(part, place)
        elif isinstance(node, nodes.If):
            ends = [_again(part.body, place) for part in (node, *node.elif_)]
            place = _joined([_again(node.else_, place), *ends])
        elif isinstance(node, nodes.For):
            place = join(place, _again(node.body, place))
    return place


def _joined(places: list[Place]) -> Place:
    end = places[0]
    for place in places[1:]:
        end = join(end, place)
    return end


def _loophole(node: nodes.Node) -> tuple[str, str]:
    if isinstance(node, nodes.FilterBlock):
        return "a filter over a whole block, whose places can't be followed", "Filter the values."
    if isinstance(node, nodes.ScopedEvalContextModifier):
        return "autoescaping switched for a part", "Take it out: every place has its encoding."
    name = getattr(node, "name", "")
    if name == "tojson":
        return "the filter tojson", "Write {{ value }} in a script: it becomes JSON there."
    return f"the filter {name}", _REMEDY_SAFE


class _Insecure(Markup):
    """HTML that somebody vouches for."""


def _insecure(value: object) -> Markup:
    return _Insecure(value)


def _urlencode(value: Any) -> EncodedUrl:
    return EncodedUrl(do_urlencode(value))


def _text(value: object) -> Markup:
    return Markup(value) if hasattr(value, "__html__") else Markup(encode.html_text(value))  # noqa: S704  # encoded


def _attribute(value: object) -> Markup:
    return Markup(encode.html_attribute(value.unescape() if isinstance(value, Markup) else value))  # noqa: S704


def _url(value: object) -> Markup:
    return _attribute(encode.safe_url(value))


def _image(value: object) -> Markup:
    text = str(value)
    return _attribute(text if text.lower().startswith(_PICTURES) else encode.safe_url(text))


def _segment(value: object) -> Markup:
    if isinstance(value, EncodedUrl):
        return _attribute(value)
    try:
        return _attribute(encode.url_segment(value))
    except ValueError:
        return _attribute("%00")  # no segment that resolves anywhere


def _component(value: object) -> Markup:
    return _attribute(value if isinstance(value, EncodedUrl) else encode.url_component(value))


def _json(value: object) -> Markup:
    return Markup(encode.json_in_script(value))  # noqa: S704  # encoded


def _js_inside(value: object) -> Markup:
    return Markup(encode.js_string(value)[1:-1])  # noqa: S704  # encoded


def _css_inside(value: object) -> Markup:
    return Markup(encode.css_string(value)[1:-1])  # noqa: S704  # encoded


_FILTERS: Final = {
    "garrison_text": _text, "garrison_attribute": _attribute, "garrison_url": _url, "garrison_image": _image,
    "garrison_segment": _segment, "garrison_component": _component, "garrison_json": _json,
    "garrison_js_inside": _js_inside, "garrison_css_inside": _css_inside,
}  # fmt: skip


def _self_test(environment: SafeEnvironment) -> None:
    """`_parse` is Jinja2's own affair: a version that does not call it would leave every template unproven."""
    try:
        environment.from_string("<a href={{ value }}>")
    except TemplateRefused:
        if 'href="about:invalid' in environment.from_string('<a href="{{ x }}">').render(x="javascript:alert(1)"):
            return
    raise DependencyError("This version of Jinja2 does not let Garrison see its templates.", remedy="Use Jinja2 3.1.")
