"""The strict base model: what is not said about a field is bounded all the same.

Threat: mass assignment by fields nobody declared (CWE-915), and values without end (CWE-770): a string of a megabyte, a
list of a million items, `1e999`. Bounds are put into pydantic's own schema when the class is made, so they cost what
pydantic's bounds cost and stand in the OpenAPI document.

Assumption: bodies are bounded before they are parsed: their bytes by the layer `size`, the rest by `JsonRoute` where a
route uses it. Lets pass: fields typed `Any`, which nothing can be said about; whatever a validator of your own returns.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, cast
from unicodedata import is_normalized

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, SecretBytes, SecretStr, model_validator
from pydantic_core import CoreSchema, SchemaValidator, core_schema

from ..core.errors import OperatorError
from ..core.names import CSRF_FIELD
from .text import OWN, compile_clean

MOST_CHARACTERS: Final = 10_000
"""Characters of a `str` field that names no bound."""
MOST_ITEMS: Final = 1_000
"""Items of a collection that names no bound."""
MOST_NUMBER: Final = 2**53 - 1
"""Size of a number that names no bound: what every JSON parser reads alike (RFC 8259 section 6, RFC 7493)."""
MOST_DIGITS: Final = 38
"""Digits of a `Decimal` that names no bound."""

_COLLECTIONS: Final = frozenset({"list", "set", "frozenset", "dict", "generator"})
_ANYTHING: Final = "pydantic.types.JsonValue:"
_CLASSES: Final = frozenset({"model", "dataclass"})
_ID: Final = re.compile(r":[0-9]+")
_SECRETS: Final = (SecretStr, SecretBytes)
_NOT_SCHEMAS: Final = frozenset({"metadata", "serialization", "config", "cls", "default", "expected", "ref"})

_clean_default = compile_clean(MOST_CHARACTERS, lines=True)


class UnboundedModel(OperatorError):
    """A field of an `Input` holds a model that is none: pydantic validates it by its own rules, without our bounds."""

    def __init__(self, kind: type) -> None:
        super().__init__(
            f"{kind.__name__} is used in an Input and is none itself: its fields would have no bounds.",
            remedy=f"Let {kind.__name__} inherit from garrison.inputs.Input, or write its type out.",
        )


class Bounding:
    """Puts a bound wherever a schema has none. Parts that bound themselves (metadata `OWN`) are left as they are.

    `resolve` gives the schema that a reference stands for: a data class, a `TypedDict`, an alias. It is bounded here as
    well, under a name of its own in `definitions`, and stays as it is everywhere else. Raises `UnboundedModel`.
    """

    def __init__(self, resolve: Callable[[Any], Any]) -> None:
        self._resolve = resolve
        self.definitions: dict[str, Any] = {}

    def __call__(self, schema: Any) -> Any:
        if isinstance(schema, list | tuple):
            return type(schema)(self(part) for part in schema)
        if not isinstance(schema, dict):
            return schema
        kind = schema.get("type")
        if not isinstance(kind, str):  # a map of fields or choices: its keys are names, also those called "metadata"
            return {name: self(part) for name, part in schema.items()}
        if (schema.get("metadata") or {}).get("garrison"):
            return schema
        if kind == "definition-ref":
            return self._reference(schema)
        if kind == "function-after" and schema["function"].get("function") in _SECRETS:
            # A password is compared, never shown: what is stripped or normalised would be another password.
            return {**schema, "schema": {"max_length": MOST_CHARACTERS, **schema["schema"]}}
        if kind in _CLASSES and _has_own_validator(schema["cls"]):
            raise UnboundedModel(schema["cls"])
        node = {name: part if name in _NOT_SCHEMAS else self(part) for name, part in schema.items()}
        return _bounded_node(kind, node)

    def _reference(self, node: dict[str, Any]) -> dict[str, Any]:
        name = str(node["schema_ref"])
        if name.startswith(_ANYTHING) or name in self.definitions:
            return node
        try:
            found = self._resolve(node)
        except LookupError:  # the class that is being made, which gets its bounds from who asked for them
            return node
        if _is_input(found.get("cls")):
            return node
        own = _ID.sub(r"\g<0>0", name, count=1)
        if own not in self.definitions:
            self.definitions[own] = {}  # so that a circle ends
            self.definitions[own] = {**self(found), "ref": own}
        return {**node, "schema_ref": own}


def _is_input(kind: object) -> bool:
    return any(one.__module__ == __name__ and one.__name__ == "Input" for one in getattr(kind, "__mro__", ()))


def _has_own_validator(kind: type) -> bool:
    """Whether pydantic would take the class's finished validator in the place of a schema of ours."""
    return not _is_input(kind) and "__pydantic_validator__" in vars(kind)


def _bounded_node(kind: str, node: dict[str, Any]) -> dict[str, Any]:
    if kind == "str":
        return _text(node)
    if kind == "list" and _is_default_text(node.get("items_schema")):
        return _texts(node)
    if kind in _COLLECTIONS or (kind == "tuple" and node.get("variadic_item_index") is not None):
        node.setdefault("max_length", MOST_ITEMS)
    elif kind in ("int", "float"):
        _between(node)
    elif kind == "decimal":
        node["allow_inf_nan"] = False
        node.setdefault("max_digits", MOST_DIGITS)
    elif kind == "bytes":
        node.setdefault("max_length", MOST_CHARACTERS)
    return node


def _between(node: dict[str, Any]) -> None:
    if node["type"] == "float":
        node["allow_inf_nan"] = False
    if "gt" not in node:
        node.setdefault("ge", -MOST_NUMBER)
    if "lt" not in node:
        node.setdefault("le", MOST_NUMBER)


def _text(node: dict[str, Any]) -> dict[str, Any]:
    most = node.setdefault("max_length", MOST_CHARACTERS)
    node.setdefault("strip_whitespace", True)
    clean = _clean_default if most == MOST_CHARACTERS else compile_clean(most, lines=True)
    wrapped = core_schema.no_info_after_validator_function(clean, cast("CoreSchema", node), metadata=dict(OWN))
    return dict(wrapped)


def _is_default_text(schema: Any) -> bool:
    return isinstance(schema, dict) and (schema.get("function") or {}).get("function") is _clean_default


def _texts(node: dict[str, Any]) -> dict[str, Any]:
    """A list of plain strings: looked at as a whole, and item by item only where that does not settle it, so that the
    error says which item it is about."""
    node.setdefault("max_length", MOST_ITEMS)
    items = node["items_schema"]
    each = SchemaValidator(core_schema.list_schema(items))

    def clean(texts: list[str]) -> list[str]:
        whole = "".join(texts)
        if whole.isprintable() and (whole.isascii() or is_normalized("NFC", whole)):
            return texts  # so is each part of it: no part of normalised text is not (UAX 15)
        return cast("list[str]", each.validate_python(texts))

    plain = cast("CoreSchema", {**node, "items_schema": items["schema"]})
    return dict(core_schema.no_info_after_validator_function(clean, plain, metadata=dict(OWN)))


class Input(BaseModel):
    """Base of what clients send: extra fields are refused, values bounded, text in NFC without characters that act.

    A plain `str` takes one line or several, at most 10,000 characters, stripped; use a type of this room to say more
    (`Name`, `Prose`, `Slug`). A plain `int`, `float` or `Decimal` is finite and within ±(2**53 - 1), a collection
    holds at most 1,000 items. A bound that a field names itself is the field's own, wider or narrower. The input never
    stands in error messages. Validators of fields and of the whole are pydantic's `field_validator` and
    `model_validator`; what needs a database is `rules.require`.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, frozen=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        bound = Bounding(handler.resolve_ref_schema)
        schema = cast("CoreSchema", bound(handler(source)))
        return core_schema.definitions_schema(schema, [*bound.definitions.values()]) if bound.definitions else schema


class FormInput(Input):
    """Base of HTML forms: as `Input`, and the CSRF token, which the layer `csrf` has judged, is no extra field."""

    @model_validator(mode="before")
    @classmethod
    def _without_token(cls, given: Any) -> Any:
        if not isinstance(given, dict) or CSRF_FIELD not in given:
            return given
        return {name: value for name, value in given.items() if name != CSRF_FIELD}
