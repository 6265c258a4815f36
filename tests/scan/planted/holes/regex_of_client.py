import re

from fastapi import APIRouter

router = APIRouter()
NAMES = ["hammer", "nail"]


@router.get("/grep")
def grep(pattern: str) -> list[str]:
    return [name for name in NAMES if re.search(pattern, name)]
