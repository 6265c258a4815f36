import json
import pickle

from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/restore")
async def restore(request: Request):
    return json.loads(await request.body())


def own(path):
    with open(path, "rb") as file:
        return pickle.load(file)
