import subprocess

from fastapi import APIRouter

router = APIRouter()


@router.post("/mirror")
def mirror(repository: str) -> None:
    subprocess.run(["git", "clone", repository, "/srv/mirror"], check=True)
