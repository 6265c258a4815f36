from fastapi import APIRouter
from lxml import etree

router = APIRouter()
catalogue = etree.Element("goods")


@router.get("/catalogue")
def find(name: str) -> int:
    return len(catalogue.xpath("//good[@name='" + name + "']"))
