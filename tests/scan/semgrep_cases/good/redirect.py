from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

app = FastAPI()
PLACES = {"home": "/", "cart": "/cart"}


@app.get("/login/done")
async def done(request: Request):
    return RedirectResponse(PLACES.get(request.query_params["next"], "/"))


@app.get("/old/{name}")
async def old(name: str, request: Request):
    if name == "x":
        return RedirectResponse(request.url_for("new", name=name))
    return RedirectResponse(url=f"/items/{name}", status_code=301)
