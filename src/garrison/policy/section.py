"""What all sections of the policy are made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ..core.verdict import Mode

Names = tuple[str, ...]


class Frozen(BaseModel):
    """Base of all policy models: immutable, closed, and its values never appear in validation errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, hide_input_in_errors=True)


class Section(Frozen):
    """One defence. `mode` "off" needs `allow_insecure_off` with the reason, so that grep and auditors find it."""

    mode: Mode = Mode.ENFORCE
    """enforce refuses; monitor writes down what would be refused; off does nothing and needs allow_insecure_off."""
    allow_insecure_off: str = ""
    """Why the defence is off; needed with mode = "off"."""
