import subprocess

from fastapi import APIRouter

router = APIRouter()


@router.get("/ping")
def ping(host: str) -> str:
    return subprocess.run(f"ping -c 1 {host}", shell=True, capture_output=True, text=True).stdout
