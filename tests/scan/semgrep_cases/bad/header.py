from fastapi import FastAPI, Response

app = FastAPI()


@app.get("/download")
def download(name: str, response: Response):
    response.headers["Content-Disposition"] = f"attachment; filename={name}"  # hole
