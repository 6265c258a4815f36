import httpx


def rates() -> object:
    return httpx.get("https://bank.example.com/rates", verify=False, timeout=5).json()
