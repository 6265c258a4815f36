import tempfile


def spool(data: bytes) -> str:
    path = tempfile.mktemp(suffix=".csv")
    with open(path, "wb") as file:
        file.write(data)
    return path
