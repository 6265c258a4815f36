import httpx
import requests
from fastapi import FastAPI

app = FastAPI()


@app.post("/preview")
async def preview(url: str):
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).text  # hole


@app.post("/hook")
def hook(host: str):
    return requests.get(f"https://{host}/hook").text  # hole
