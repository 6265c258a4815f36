from urllib.parse import quote

from fastapi import FastAPI, Response

app = FastAPI()


@app.get("/download")
def download(name: str, size: int, response: Response):
    response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    response.headers["X-Size"] = str(size)
