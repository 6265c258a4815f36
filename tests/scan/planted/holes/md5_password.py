import hashlib


def stored(password: str) -> str:
    return hashlib.md5(password.encode()).hexdigest()
