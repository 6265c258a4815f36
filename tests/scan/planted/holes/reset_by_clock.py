import hashlib
import time


def reset_link(email: str) -> str:
    token = hashlib.sha1(f"{email}{time.time()}".encode()).hexdigest()
    return f"https://shop.example.com/reset/{token}"
