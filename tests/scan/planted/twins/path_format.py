from pathlib import Path

from fastapi import APIRouter, HTTPException

router = APIRouter()
INVOICES = Path("/srv/invoices")


@router.get("/invoices/{name}")
def invoice(name: str) -> str:
    path = (INVOICES / name).resolve()
    if not path.is_relative_to(INVOICES):
        raise HTTPException(404)
    with path.open() as file:
        return file.read()
