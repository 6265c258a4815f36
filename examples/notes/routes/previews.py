"""What is behind a link: its title."""

from __future__ import annotations

from fastapi import APIRouter

from garrison.fastapi import JsonRoute, refusals

from ..errors import NO_PREVIEW
from ..parts import CurrentUser, WithParts
from ..previews import PreviewRefused
from ..schemas import NOT_LOGGED_IN, PreviewIn, PreviewOut, Told

_REFUSED = {400: {**refusals(400)[400], "model": Told}}
router = APIRouter(
    prefix="/api", tags=["previews"], responses=refusals() | NOT_LOGGED_IN | _REFUSED, route_class=JsonRoute
)


@router.post("/previews", response_model=PreviewOut)
async def preview(given: PreviewIn, user: CurrentUser, own: WithParts) -> PreviewOut:
    """The title of a public page. One answer for everything that fails: reasons would map our network."""
    try:
        title = await own.previews.title(given.url)
    except PreviewRefused:
        raise NO_PREVIEW.error() from None
    return PreviewOut(url=given.url, title=title)
