"""The keys of a schema, found by walking its models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

import pydantic
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from ..secrets.secret import Secret
from .types import SecretValue

_THEIRS: Final = (pydantic.SecretStr, pydantic.SecretBytes, pydantic.Secret)
_UNIONS: Final = (Union, UnionType)


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its dotted name, its field, how it is secret (None: it is not), and the chapter it stands in. `optional`
    is the name of the section around it that need not be there; empty when all have to."""

    name: str
    info: FieldInfo
    secret: SecretValue | None
    section: type[BaseModel]
    optional: str = ""

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(self.name.split("."))

    @property
    def required(self) -> bool:
        return self.info.is_required() and not self.optional

    def is_left_out(self, values: object) -> bool:
        """Whether `values` have not the section that it belongs to: then it has no value, and no default either."""
        return bool(self.optional) and at(values, tuple(self.optional.split("."))) is None

    @property
    def default(self) -> Any:
        """What holds when nobody sets it; None when it has to be set, or is made anew each time."""
        return None if self.info.default is PydanticUndefined else self.info.default

    @property
    def about(self) -> str:
        """Its description on one line."""
        return " ".join((self.info.description or "").split())

    def variable(self, prefix: str) -> str:
        """The environment variable that sets it."""
        return (prefix + "__".join(self.path)).upper()


def keys_of(model: type[BaseModel], before: str = "", optional: str = "", above: tuple[Any, ...] = ()) -> Iterator[Key]:
    """Every key of `model`. A field that may be something else than one section is one key, not several."""
    for name, info in model.model_fields.items():
        whole = f"{before}{name}"
        inner, may_be_none = _section(info.annotation)
        if inner is not None and inner not in above:
            around = optional or (whole if may_be_none else "")
            yield from keys_of(inner, f"{whole}.", around, (*above, model))
        else:
            yield Key(whole, info, _secret(info), model, optional)


def _section(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """The section that a field of this type is, if it is one; and whether it may be None."""
    kinds = get_args(annotation) if get_origin(annotation) in _UNIONS else (annotation,)
    sections = [one for one in kinds if one is not NoneType]
    if len(sections) == 1 and isinstance(sections[0], type) and issubclass(sections[0], BaseModel):
        return sections[0], NoneType in kinds
    return None, False


def at(values: object, path: tuple[str, ...]) -> Any:
    """The value at `path` of nested mappings or models; None when it is not there."""
    for part in path:
        values = values.get(part) if isinstance(values, Mapping) else getattr(values, part, None)
    return values


def _secret(info: FieldInfo) -> SecretValue | None:
    found = [mark for mark in (*info.metadata, *_marks(info.annotation)) if isinstance(mark, SecretValue)]
    return found[0] if found else None


def _marks(annotation: Any) -> Iterator[object]:
    """What annotates a type, and the types it is made of: `SecretText | None` is secret as well."""
    yield from getattr(annotation, "__metadata__", ())
    for inner in get_args(annotation):
        yield from _marks(inner)


def hides_secrets(annotation: Any) -> bool:
    """Whether secrets are kept inside of what a key of this type holds: in a list, a table, or sections in one. They
    would be taken as they stand: no reference is resolved there, nothing judged, and nothing masked."""
    kinds = get_args(annotation) if get_origin(annotation) in _UNIONS else (annotation,)
    return any(_has_secrets(one, (), itself=False) for one in kinds)


def _has_secrets(annotation: Any, above: tuple[Any, ...], *, itself: bool = True) -> bool:
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation in _THEIRS or origin in _THEIRS:
        return True
    if itself and (annotation is Secret or origin is Secret):
        return True
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in above:
        fields = annotation.model_fields.values()
        return any(_secret(one) or _has_secrets(one.annotation, (*above, annotation)) for one in fields)
    if origin is Annotated:
        return _has_secrets(inner[0], above, itself=itself)
    if origin is Secret:
        return False
    return any(_has_secrets(one, above) for one in inner)
