import os


def store_key(path: str, key: bytes) -> None:
    with open(path, "wb") as file:
        file.write(key)
    os.chmod(path, 0o777)
