import os
import shlex
import subprocess

from fastapi import FastAPI

app = FastAPI()


@app.post("/archive")
async def archive(folder: str, level: int):
    os.system("tar czf /tmp/out.tgz " + shlex.quote(folder))
    os.system(f"nice -n {level} true")
    return subprocess.run(["tar", "czf", "/tmp/out.tgz", "--", folder])
