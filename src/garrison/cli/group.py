"""A group of commands that turns Garrison's own errors into one clear panel and an exit code."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from ..core.errors import GarrisonError
from .output import COULD_NOT_RUN, show_error


class Group(TyperGroup):
    """Errors that say what is wrong and what to do are shown as that, without a traceback. Others are bugs, and show
    one: hiding it would hide the bug."""

    def invoke(self, ctx: Any) -> Any:  # the context's home differs between versions of typer
        try:
            return super().invoke(ctx)
        except GarrisonError as error:
            show_error(error)
            raise typer.Exit(getattr(error, "exit_code", COULD_NOT_RUN)) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
