from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from markupsafe import Markup

app = FastAPI()


@app.get("/hello")
async def hello(name: str = "you"):
    return HTMLResponse(f"<p>Hello {name}</p>")  # hole


@app.get("/bold")
async def bold(name: str):
    return Markup("<b>" + name + "</b>")  # hole
