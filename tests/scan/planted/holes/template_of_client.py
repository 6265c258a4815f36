from fastapi import APIRouter
from jinja2 import Template

router = APIRouter()


@router.post("/mail/preview")
def preview(body: str, name: str) -> str:
    return Template(body).render(name=name)
