import os

from fastapi import APIRouter
from pydantic import BaseModel

router = APIRouter()


class Job(BaseModel):
    picture: str


@router.post("/thumbnails")
def thumbnail(job: Job) -> int:
    return os.system("convert " + job.picture + " -resize 100 out.png")
