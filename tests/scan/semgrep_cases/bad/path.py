from fastapi import FastAPI
from fastapi.responses import FileResponse

app = FastAPI()


@app.get("/files/{name:path}")
async def file(name: str):
    return FileResponse("/srv/files/" + name)  # hole


@app.get("/notes")
def note(name: str):
    with open(f"/srv/notes/{name}.md") as file:  # hole
        return file.read()
