import html

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse

app = FastAPI()


@app.get("/hello")
async def hello(name: str = "you", age: int = 1):
    return HTMLResponse(f"<p>Hello {html.escape(name)}, {age}</p>")


@app.get("/card")
async def card(name: str):
    return HTMLResponse(templates.get_template("card.html").render(name=name))


@app.get("/data")
async def data(name: str):
    return JSONResponse({"name": name})
