from importlib import import_module

from fastapi import APIRouter

router = APIRouter()


@router.get("/reports/{kind}")
def report(kind: str) -> object:
    return import_module(f"shop.reports.{kind}").build()
