import sqlite3

from fastapi import APIRouter

router = APIRouter()


@router.get("/search")
def search(q: str) -> list[tuple[str]]:
    with sqlite3.connect("shop.db") as db:
        return db.execute("SELECT name FROM goods WHERE name LIKE ?", (f"%{q}%",)).fetchall()
