import os

from fastapi import FastAPI
from fastapi.responses import FileResponse
from werkzeug.utils import secure_filename

app = FastAPI()


@app.get("/files/{name}")
async def file(name: str):
    return FileResponse("/srv/files/" + secure_filename(name))


@app.get("/notes/{number}")
def note(number: int, title: str):
    with open(f"/srv/notes/{number}.md") as file, open(os.path.join("/srv/titles", os.path.basename(title))) as other:
        return file.read() + other.read()
