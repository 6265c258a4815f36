import re

from fastapi import FastAPI

app = FastAPI()


@app.get("/find")
def find(word: str):
    re.match(r"^[a-z]+$", word)
    return re.findall(re.escape(word), open("/srv/book.txt").read())
