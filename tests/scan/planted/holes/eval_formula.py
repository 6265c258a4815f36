from fastapi import APIRouter

router = APIRouter()


@router.get("/calculate")
def calculate(formula: str) -> float:
    return float(eval(formula))
