from fastapi import APIRouter
from pydantic import BaseModel
from pymongo import MongoClient

router = APIRouter()
users = MongoClient().shop.users


class Wanted(BaseModel):
    name: str
    city: str


@router.post("/users/find")
async def find(wanted: Wanted) -> object:
    return users.find_one({"name": wanted.name, "city": wanted.city})
