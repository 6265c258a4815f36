import os
import subprocess

from fastapi import FastAPI

app = FastAPI()


@app.post("/archive")
async def archive(folder: str, host: str):
    os.system(f"tar czf /tmp/out.tgz {folder}")  # nosemgrep  # hole
    return subprocess.run("ping -c1 " + host, shell=True)  # nosemgrep  # hole
