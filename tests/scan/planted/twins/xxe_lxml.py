from defusedxml import ElementTree
from fastapi import APIRouter, Request

router = APIRouter()


@router.post("/orders.xml")
async def orders(request: Request) -> int:
    return len(ElementTree.fromstring(await request.body()))
