from fastapi import APIRouter, Request
from pymongo import MongoClient

router = APIRouter()
users = MongoClient().shop.users


@router.post("/users/find")
async def find(request: Request) -> object:
    wanted = await request.json()
    return users.find_one({"name": wanted["name"], "$where": f"this.city == '{wanted['city']}'"})
