from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.orm import Session

router = APIRouter()
session = Session()


def rows_of(city: str) -> list[object]:
    statement = "SELECT * FROM orders WHERE city = :city"
    return list(session.execute(text(statement), {"city": city}))


@router.get("/orders")
def orders(city: str) -> list[object]:
    return rows_of(city)
