from fastapi import APIRouter
from jinja2 import Environment, PackageLoader, select_autoescape

router = APIRouter()
PAGES = Environment(loader=PackageLoader("shop"), autoescape=select_autoescape())


@router.post("/mail/preview")
def preview(name: str) -> str:
    return PAGES.get_template("mail.html").render(name=name)
