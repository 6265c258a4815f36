from fastapi import APIRouter, Request
from lxml import etree

router = APIRouter()


@router.post("/orders.xml")
async def orders(request: Request) -> int:
    parser = etree.XMLParser(resolve_entities=True, no_network=False)
    return len(etree.fromstring(await request.body(), parser))
