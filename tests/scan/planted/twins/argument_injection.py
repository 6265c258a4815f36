import subprocess

from fastapi import APIRouter, HTTPException

router = APIRouter()
REPOSITORIES = frozenset({"https://git.example.com/a.git", "https://git.example.com/b.git"})


@router.post("/mirror")
def mirror(repository: str) -> None:
    if repository not in REPOSITORIES:
        raise HTTPException(400)
    subprocess.run(["/usr/bin/git", "clone", "--", repository, "/srv/mirror"], check=True)
