import pickle

from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/restore")
async def restore(request: Request):
    body = await request.body()
    return pickle.loads(body)  # hole
