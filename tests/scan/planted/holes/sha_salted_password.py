import hashlib
import os


def hash_password(password: str) -> tuple[bytes, str]:
    salt = os.urandom(16)
    return salt, hashlib.sha256(salt + password.encode()).hexdigest()
