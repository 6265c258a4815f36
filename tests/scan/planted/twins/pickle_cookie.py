import base64
import json

from fastapi import APIRouter, Request

router = APIRouter()


@router.get("/cart")
def cart(request: Request) -> object:
    return json.loads(base64.b64decode(request.cookies["cart"]))
