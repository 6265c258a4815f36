"""A list of reactions says until when each holds, or why it does no longer."""

from __future__ import annotations

import pytest

from garrison.cli.undo import _holds
from garrison.core.ports import Detail


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"undone": 0.0, "seconds": 600.0, "until": 1000.0}, "until 1970-01-01 00:16:40 UTC"),
        ({"undone": 0.0, "seconds": 600.0, "until": 999.0}, "over"),
        ({"undone": 5.0, "seconds": 600.0, "until": 2000.0}, "undone"),
        ({"undone": 0.0, "seconds": 0.0, "until": 2000.0}, "done"),
    ],
)
def test_a_reaction_holds_until_it_is_over_or_undone(data: dict[str, Detail], says: str) -> None:
    assert _holds(data, 999.5) == says
