from fastapi import APIRouter

router = APIRouter()


def build_sales() -> str:
    return "sales"


REPORTS = {"sales": build_sales}


@router.get("/reports/{kind}")
def report(kind: str) -> object:
    return REPORTS[kind]()
