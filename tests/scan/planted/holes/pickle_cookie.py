import base64
import pickle

from fastapi import APIRouter, Request

router = APIRouter()


@router.get("/cart")
def cart(request: Request) -> object:
    return pickle.loads(base64.b64decode(request.cookies["cart"]))
