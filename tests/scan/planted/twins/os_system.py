from fastapi import APIRouter
from PIL import Image
from pydantic import BaseModel

router = APIRouter()
PICTURES = {"front": "front.png", "back": "back.png"}


class Job(BaseModel):
    picture: str


@router.post("/thumbnails")
def thumbnail(job: Job) -> None:
    with Image.open(PICTURES[job.picture]) as picture:
        picture.thumbnail((100, 100))
        picture.save("out.png")
