from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

app = FastAPI()
app.mount("/static", StaticFiles(directory="static"))
app.mount("/media", StaticFiles(directory="/srv/media", html=True))
