from argon2 import PasswordHasher

HASHER = PasswordHasher()


def stored(password: str) -> str:
    return HASHER.hash(password)
