from fastapi import APIRouter
from sqlalchemy import text
from sqlalchemy.orm import Session

router = APIRouter()
session = Session()


def rows_of(where: str) -> list[object]:
    statement = "SELECT * FROM orders WHERE " + where
    return list(session.execute(text(statement)))


@router.get("/orders")
def orders(city: str) -> list[object]:
    return rows_of("city = '%s'" % city)
