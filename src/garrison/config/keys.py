"""The keys of a schema, found by walking its models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from .types import SecretValue


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its dotted name, its field, how it is secret (None: it is not), and the chapter it stands in."""

    name: str
    info: FieldInfo
    secret: SecretValue | None
    section: type[BaseModel]

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(self.name.split("."))

    @property
    def required(self) -> bool:
        return self.info.is_required()

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


def keys_of(model: type[BaseModel], before: str = "") -> Iterator[Key]:
    """Every key of `model`. A field that may be something else than a section is one key, not several."""
    for name, info in model.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys_of(inner, f"{before}{name}.")
        else:
            yield Key(f"{before}{name}", info, _secret(info), model)


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
