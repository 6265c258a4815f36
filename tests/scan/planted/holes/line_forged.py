from pathlib import Path

from fastapi import APIRouter

router = APIRouter()


@router.post("/feedback")
def feedback(text: str) -> None:
    with Path("feedback.log").open("a") as log:
        log.write("feedback: " + text + "\n")
