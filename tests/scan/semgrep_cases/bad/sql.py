import sqlite3

from fastapi import FastAPI, Request
from sqlalchemy import text

app = FastAPI()
db = sqlite3.connect(":memory:")


@app.get("/goods")
async def goods(name: str):
    query = "SELECT * FROM goods WHERE name = '" + name + "'"
    return db.execute(query).fetchall()  # hole


@app.get("/sorted")
def by(request: Request, session):
    return session.execute(text(f"SELECT * FROM goods ORDER BY {request.query_params['by']}"))  # hole


class Search:
    def run(self, request):
        self.words = request.GET["q"]
        return Goods.objects.raw("SELECT * FROM goods WHERE name LIKE '%" + self.words + "%'")  # hole
