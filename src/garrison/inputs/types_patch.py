"""JSON Patch (RFC 6902): a bounded list of operations on paths the application names.

Threat: mass assignment by path (`/role`, CWE-915), and work without end: `copy` doubles a document with each step.
Assumption: the patched document is validated by its model again before it is stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import Field, GetCoreSchemaHandler, JsonValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from .model import Input

_POINTER: Final = re.compile(r"(?:/(?:[^~/\x00-\x1f]|~[01]){0,64}){1,8}")

Pointer = Annotated[str, Field(max_length=256)]


class Put(Input):
    """`add`, `replace` or `test`: a value at a path."""

    op: Literal["add", "replace", "test"]
    path: Pointer
    value: JsonValue


class Remove(Input):
    """`remove`: what is at a path."""

    op: Literal["remove"]
    path: Pointer


Operation = Annotated[Put | Remove, Field(discriminator="op")]


@dataclass(frozen=True, slots=True)
class PatchRule:
    """Annotation for `list[Operation]`: at most `most` operations, each on one of `paths`, where a segment `*` stands
    for any one key or index. Refused: `move` and `copy`, the whole document (""), malformed pointers (RFC 6901),
    paths that are not named."""

    paths: tuple[str, ...]
    most: int = 50

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        allowed = re.compile("|".join(re.escape(path).replace(r"\*", "[^/]+") for path in self.paths))

        def check(operations: list[Put | Remove]) -> list[Put | Remove]:
            if len(operations) > self.most:
                raise PydanticCustomError("patch_long", "A patch has at most {most} operations", {"most": self.most})
            for one in operations:
                if not _POINTER.fullmatch(one.path) or not allowed.fullmatch(one.path):
                    raise PydanticCustomError("patch_path", "A patch names a path that can't be changed")
            return operations

        return core_schema.no_info_after_validator_function(check, handler(source))
