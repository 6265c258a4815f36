from fastapi import APIRouter

router = APIRouter()


@router.get("/invoices/{name}")
def invoice(name: str) -> str:
    with open(f"/srv/invoices/{name}") as file:
        return file.read()
