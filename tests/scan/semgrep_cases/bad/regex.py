import re

from fastapi import FastAPI

app = FastAPI()


@app.get("/find")
def find(pattern: str):
    return re.findall(pattern, open("/srv/book.txt").read())  # hole
