from fastapi import APIRouter
from starlette.responses import Response

router = APIRouter()


@router.get("/export")
def export(title: str) -> Response:
    return Response("a,b", headers={"Content-Disposition": f"attachment; filename={title}.csv"})
