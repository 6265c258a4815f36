import tempfile


def spool(data: bytes) -> str:
    with tempfile.NamedTemporaryFile(suffix=".csv", delete=False) as file:
        file.write(data)
        return file.name
