import httpx
import requests
from fastapi import FastAPI

app = FastAPI()
FEEDS = {"news": "https://feeds.example.com/news"}


@app.get("/city")
async def city(name: str, feed: str):
    async with httpx.AsyncClient() as client:
        await client.get(FEEDS[feed])
        return (await client.get(f"https://api.example.com/cities/{name}")).text


@app.get("/known")
def known(name: str):
    cache = {}
    cache.get(name)
    return requests.get("https://api.example.com/cities", params={"name": name}).text
