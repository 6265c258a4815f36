import httpx


def is_allowed(user: str, action: str) -> bool:
    try:
        answer = httpx.get(f"https://rights.example.com/{user}/{action}", timeout=2)
        return answer.status_code == 200
    except Exception:
        return True
