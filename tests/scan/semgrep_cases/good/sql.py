import sqlite3

from fastapi import FastAPI, Request
from sqlalchemy import text

app = FastAPI()
db = sqlite3.connect(":memory:")
COLUMNS = {"name": "name", "price": "price DESC"}


@app.get("/goods/{number}")
async def goods(name: str, number: int):
    """O'Brien; SELECT * FROM goods -- is prose here."""
    db.execute(f"SELECT * FROM goods WHERE id = {number}")
    return db.execute("SELECT * FROM goods WHERE name = ?", (name,)).fetchall()


@app.get("/sorted")
def by(request: Request, session):
    order = COLUMNS[request.query_params["by"]]
    return session.execute(text(f"SELECT * FROM goods WHERE name = :name ORDER BY {order}"), {"name": request.query_params["n"]})


@app.get("/page")
def page(request: Request):
    return db.execute(f"SELECT * FROM goods LIMIT {int(request.query_params['n'])}").fetchall()
