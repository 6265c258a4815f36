"""What comes in and what goes out: bodies without a model, fields without a bound, answers that show too much.

Path, query, header and cookie values are bounded in length by the layers `target` and `size`, and by every server:
their texts and lists are not reported, only page sizes. Lets pass: what a validator of the application's own does not
bound, since nobody can see what it refuses; a body that is read by other means than `request.json()` and `form()`.
"""

from __future__ import annotations

import ast
import re
import types
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final, ForwardRef, Union, get_args, get_origin

from ..findings.record import Finding
from ..findings.severity import Severity
from ..inputs.sensitive import Redacted
from .routes_catalogue import Rule, at
from .routes_endpoint import Code, Endpoint, Place, Reader

_PAGE: Final = re.compile(r"(?:^|_)(?:limit|count|size|per_page|page_size|top|n|max|num|batch|results)(?:$|_)")
_SECRET: Final = re.compile(
    r"^(?:hashed_?|encrypted_?)?(?:password|passwd|pass_?phrase|secret|secret_key|private_key|client_secret|api_secret)"
    r"(?:_?hash|_?digest|_salt)?$|^pwd_?hash$|^(?:totp|otp|mfa)_secret$"
)
_VALIDATES: Final = re.compile(r"valid|parse|schema|load|from_dict|from_json|TypeAdapter|signature|verify|hmac", re.I)
_MAKES_ANSWER: Final = re.compile(r"response|redirect|render|template|html|model_dump", re.I)
_MOST: Final = 400
"""Fields looked at below one model."""
_DEEPEST: Final = 8


def payload(endpoint: Endpoint) -> Iterator[Finding]:
    """R001: the body is a `dict`, `Any`, or what `request.json()` happens to hold."""
    main = endpoint.main
    place = at(main.path if main else None, main.line if main else None, endpoint.name)
    if endpoint.methods <= {"GET", "HEAD", "WEBSOCKET"}:
        return
    for one in endpoint.parameters:
        if one.place is Place.BODY and _is_free(one.annotation):
            yield Rule.NO_MODEL.found(f"`{one.name}` is {_spelt(one.annotation)}.", place, snippet=one.name)
    if main and (call := _raw_body(main)):
        yield Rule.NO_MODEL.found(f"`{call}` is used as it comes.", place, snippet=call)


def _raw_body(code: Code) -> str:
    """`request.json()` or `request.form()`, if nothing in the function looks like validation of it."""
    read, judged = "", False
    for node in code.body():
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="request" | "req" as name), attr="json" | "form" as what)
            ):
                read = read or f"{name}.{what}()"
            case ast.Call(func=ast.Name(id=name), keywords=[ast.keyword(arg=None), *_]) if name[:1].isupper():
                judged = True  # Model(**data)
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if _VALIDATES.search(name):
                judged = True
            case ast.Call(func=ast.Name(id="isinstance")):
                judged = True
    return "" if judged else read


def _is_free(annotation: Any, depth: int = 0) -> bool:
    """Whether a type says nothing about what is in it."""
    annotation = _bare(annotation)
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in (Any, object, dict, list) or annotation is None:
        return True
    if depth > _DEEPEST or origin is None:
        return False
    if _is_union(origin):
        return any(_is_free(one, depth + 1) for one in inner if one is not type(None))
    if (isinstance(origin, type) and issubclass(origin, types.MappingProxyType | dict)) or _called(origin) == "Mapping":
        return len(inner) < 2 or _is_free(inner[1], depth + 1)
    return origin in (list, set, frozenset) and bool(inner) and _is_free(inner[0], depth + 1)


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _is_union(origin: Any) -> bool:
    return origin is Union or origin is types.UnionType


def _called(kind: Any) -> str:
    return str(getattr(kind, "__name__", kind))


def _spelt(annotation: Any) -> str:
    annotation = _bare(annotation)
    if isinstance(annotation, type) and not get_args(annotation):
        return f"`{annotation.__name__}`"
    return f"`{annotation}`".replace("typing.", "")


def models_of(annotation: Any, depth: int = 0) -> Iterator[type]:
    """The pydantic models inside a type, the type itself among them."""
    annotation = _bare(annotation)
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        yield annotation
    elif depth <= _DEEPEST:
        for one in get_args(annotation):
            yield from models_of(one, depth + 1)


def _fields(start: Iterable[type]) -> Iterator[tuple[type, dict[str, Any]]]:
    """Each model with its fields, down through the models in them."""
    waiting, seen, count = list(start), set(), 0
    while waiting and count < _MOST:
        model = waiting.pop(0)
        if model in seen:
            continue
        seen.add(model)
        fields: dict[str, Any] = getattr(model, "model_fields", {})
        count += len(fields)
        yield model, fields
        for info in fields.values():
            waiting += models_of(info.annotation)


class Incoming:
    """R002, R003 and R004 for models: each model once, however many endpoints take it.

    Where only people who are known get in, what is unbounded is worth a note; ask about the open endpoints first.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._seen: set[type] = set()

    def __call__(self, endpoint: Endpoint, *, open_to_all: bool) -> Iterator[Finding]:
        severity = Severity.LOW if open_to_all else Severity.INFO
        bodies = [one for one in endpoint.parameters if one.place in (Place.BODY, Place.FORM)]
        for model, fields in _fields(model for one in bodies for model in models_of(one.annotation)):
            if model not in self._seen:
                self._seen.add(model)
                yield from self._judge(model, fields, endpoint, severity)
        yield from _own_parameters(endpoint, severity)

    def _judge(self, model: type, fields: dict[str, Any], endpoint: Endpoint, severity: Severity) -> Iterator[Finding]:
        if _bounds_itself(model) or (found := self._reader.class_line(model)) is None:
            return
        place = at(*found, model.__name__)
        where = f" Taken by {endpoint.name}."
        if free := [name for name, info in fields.items() if _is_free(info.annotation)]:
            yield Rule.ANYTHING.found(f"{_listed(free)} of `{model.__name__}`.{where}", place, severity=severity)
        limit = getattr(model, "model_config", {}).get("str_max_length")
        texts = [name for name, info in fields.items() if _endless(info.annotation, info.metadata, bool(limit))]
        if texts := [name for name in texts if name not in free]:
            yield Rule.UNBOUNDED.found(f"{_listed(texts)} of `{model.__name__}`.{where}", place, severity=severity)
        numbers = [name for name, info in fields.items() if _is_endless_number(info.annotation, info.metadata)]
        if numbers:
            yield Rule.NUMBER.found(f"{_listed(numbers)} of `{model.__name__}`.{where}", place, severity=Severity.INFO)


def _bounds_itself(model: type) -> bool:
    return any(f"{one.__module__}.{one.__name__}" == "garrison.inputs.model.Input" for one in model.__mro__)


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:8])
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown


def _own_parameters(endpoint: Endpoint, severity: Severity) -> Iterator[Finding]:
    """R003 for single fields of forms and bodies, R004 for page sizes and numbers in the query."""
    main = endpoint.main
    if main is None:
        return
    place = at(main.path, main.line, endpoint.name)
    texts = [
        one.name
        for one in endpoint.parameters
        if one.place in (Place.BODY, Place.FORM) and _endless(one.annotation, one.info.metadata, limited=False)
    ]
    if texts:
        yield Rule.UNBOUNDED.found(f"{_listed(texts)} in the body.", place, severity=severity, snippet="fields")
    for one in endpoint.parameters:
        is_page = one.place is Place.QUERY and _PAGE.search(one.name)
        if is_page and _is_endless_number(one.annotation, one.info.metadata):
            message = f"`{one.name}` says how much to give, and has no upper bound."
            yield Rule.NUMBER.found(message, place, snippet=one.name)


def _endless(annotation: Any, metadata: Iterable[Any], limited: bool, depth: int = 0) -> bool:
    """Whether a text or a collection may be of any length. `limited`: the model bounds all its texts."""
    metadata = [*metadata, *_metadata(annotation)]
    annotation = _bare(annotation)
    if any(_bounds_length(one) for one in metadata):
        return False
    origin = get_origin(annotation)
    if _is_union(origin):
        return any(_endless(one, (), limited, depth + 1) for one in get_args(annotation) if one is not type(None))
    if any(_is_validator(one) for one in metadata) or (annotation is str and limited):
        return False
    return annotation is str or origin in (list, set, frozenset, dict)


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def _bounds_length(one: Any) -> bool:
    bounds = ("max_length", "pattern", "general_metadata", "garrison")
    return any(getattr(one, name, None) is not None for name in bounds) or any(
        getattr(inner, "max_length", None) is not None or getattr(inner, "pattern", None) is not None
        for inner in getattr(one, "metadata", ()) or ()
    )


def _is_validator(one: Any) -> bool:
    """`AfterValidator(check)` and its like: what it refuses can't be seen, so it counts as a bound."""
    return "Validator" in type(one).__name__ or hasattr(one, "__get_pydantic_core_schema__")


def _is_endless_number(annotation: Any, metadata: Iterable[Any]) -> bool:
    metadata = [*metadata, *_metadata(annotation)]
    annotation = _bare(annotation)
    if _is_union(get_origin(annotation)):
        return any(_is_endless_number(one, metadata) for one in get_args(annotation))
    if annotation not in (int, float):
        return False
    return not any(
        getattr(one, "le", None) is not None or getattr(one, "lt", None) is not None or _is_validator(one)
        for one in metadata
    )


def answers(endpoint: Endpoint) -> Iterator[Finding]:
    """R005 and R006: what goes out."""
    main, route = endpoint.main, endpoint.route.route
    if main is None or not hasattr(route, "response_model"):
        return
    place = at(main.path, main.line, endpoint.name)
    model = getattr(route, "response_model", None)
    if model is None or _is_free(model):
        if _answers_json(route) and (shown := _shows(main)):
            yield Rule.NO_ANSWER_MODEL.found(f"It returns `{shown}`, and no model says what of it.", place)
        return
    excluded = getattr(route, "response_model_exclude", None) or ()
    for kind, fields in _fields(models_of(model)):
        for name, info in fields.items():
            if _is_secret(name, info) and name not in excluded:
                yield Rule.SECRET_OUT.found(f"`{name}` of `{kind.__name__}`.", place, snippet=f"{kind.__name__}.{name}")


def _is_secret(name: str, info: Any) -> bool:
    kind = _bare(info.annotation)
    kinds = {_bare(one) for one in get_args(kind)} if _is_union(get_origin(kind)) else {kind}
    redacted = any(isinstance(one, Redacted) for one in (*info.metadata, *_inner_metadata(info.annotation)))
    return bool(_SECRET.search(name.lower())) and not info.exclude and not redacted and bool(kinds & {str, bytes})


def _inner_metadata(annotation: Any) -> tuple[Any, ...]:
    """What is annotated at a type and at the choices of a union: `Sensitive[str] | None`."""
    below = get_args(annotation) if _is_union(get_origin(annotation)) else ()
    return (*_metadata(annotation), *(one for part in below for one in _metadata(part)))


def _answers_json(route: Any) -> bool:
    kind = getattr(route, "response_class", None)
    kind = getattr(kind, "value", kind)
    return "JSON" in _called(kind).upper() and getattr(route, "status_code", None) not in (204, 304)


def _shows(code: Code) -> str:
    """The first thing returned that may hold more than is written there; empty if there is none."""
    for node in code.body():
        if isinstance(node, ast.Return) and node.value is not None and _may_overshare(node.value, code):
            return ast.unparse(node.value)[:60]
    return ""


def _may_overshare(value: ast.expr, code: Code) -> bool:
    match value:
        case ast.Constant() | ast.JoinedStr() | ast.Compare() | ast.UnaryOp() | ast.Dict():
            return False
        case ast.Await(value=inner):
            return _may_overshare(inner, code)
        case ast.IfExp(body=body, orelse=other):
            return _may_overshare(body, code) or _may_overshare(other, code)
        case ast.Call(func=func):
            kind = code.meaning(func)
            name = func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else ""
            if _MAKES_ANSWER.search(name) or name in ("dict", "len", "str", "bool", "int", "sorted"):
                return False
            if isinstance(kind, type):
                return False  # a class says what it has
            return not _returns_something_said(kind)
        case ast.Name(id=name):
            return not _is_written_here(name, code)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return any(_may_overshare(one, code) for one in elements)
        case ast.ListComp(elt=element):
            return _may_overshare(element, code)
    return not isinstance(value, (ast.Attribute, ast.Subscript, ast.BinOp, ast.BoolOp))


def _returns_something_said(function: object) -> bool:
    """Whether a function of the application's says by its return type what it gives: no `dict`, no table row."""
    said = getattr(function, "__annotations__", {}).get("return", ...)
    if said is ... or isinstance(said, (str, ForwardRef)):
        return isinstance(said, str) and not re.search(r"\b(?:Any|dict|Dict|Mapping)\b", said)
    return said is None or said in (str, int, bool, float) or bool(list(models_of(said))) or _is_response(said)


def _is_response(kind: Any) -> bool:
    return isinstance(kind, type) and any(one.__name__ == "Response" for one in kind.__mro__)


def _is_written_here(name: str, code: Code) -> bool:
    """Whether every assignment to `name` spells out what it is."""
    values = [
        node.value
        for node in code.body()
        if isinstance(node, (ast.Assign, ast.AnnAssign))
        and node.value is not None
        and any(isinstance(one, ast.Name) and one.id == name for one in _targets(node))
    ]
    return bool(values) and all(
        isinstance(value, (ast.Dict, ast.Constant, ast.List, ast.JoinedStr, ast.DictComp))
        or (isinstance(value, ast.Call) and not _may_overshare(value, code))
        for value in values
    )


def _targets(node: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]
