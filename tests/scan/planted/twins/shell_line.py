import ipaddress
import subprocess

from fastapi import APIRouter

router = APIRouter()


@router.get("/ping")
def ping(host: ipaddress.IPv4Address) -> str:
    done = subprocess.run(["/bin/ping", "-c", "1", str(host)], capture_output=True, text=True, check=False)
    return done.stdout
