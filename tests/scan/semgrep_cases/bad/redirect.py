from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

app = FastAPI()


@app.get("/login/done")
async def done(request: Request):
    return RedirectResponse(request.query_params.get("next", "/"))  # hole


@app.get("/shop")
async def shop(name: str):
    return RedirectResponse(url=f"https://{name}.example.com/")  # hole


@app.delete("/goods/{n}")
async def gone(n: int, request: Request):
    from starlette.responses import RedirectResponse as Answer

    return Answer(url=request.headers.get("referer"), status_code=303)  # hole
