"""`Sensitive[str]`: values that a model holds and no answer shows.

Threat: a field that goes along because the model has it (CWE-200, CWE-213; OWASP API Security 2023, API3): a token, a
telephone number, a bank account. It is "[redacted]" wherever the model is serialised, in answers and in `model_dump`,
so showing it takes a decision: read the attribute.
Lets pass: the attribute itself, and `repr` of the model; give the field `repr=False` where models are logged. An answer
without a response model, which is no model's business.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

Value = TypeVar("Value")
MARK: Final = "[redacted]"


@dataclass(frozen=True, slots=True)
class Redacted:
    """Annotation: show none of the value, or its `last` characters, at most a third of it. None stays None."""

    last: int = 0

    def show(self, value: Any) -> str | None:
        """What an answer says instead of `value`."""
        if value is None:
            return None
        text = str(value.get_secret_value() if hasattr(value, "get_secret_value") else value)
        shown = min(self.last, len(text) // 3)
        return f"…{text[-shown:]}" if shown else MARK

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema: dict[str, Any] = dict(handler(source))
        schema["serialization"] = core_schema.plain_serializer_function_ser_schema(
            self.show, return_schema=core_schema.nullable_schema(core_schema.str_schema())
        )
        return schema

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        if handler.mode == "serialization":
            return {"type": "string", "description": "Redacted."}
        return handler(schema)


Sensitive = Annotated[Value, Redacted()]
"""`Sensitive[str]`, `Sensitive[str | None]`, …; `Annotated[str, Redacted(last=4)]` shows the end."""
