class BadSignature(Exception):
    pass


def verify(token: str) -> None:
    raise BadSignature(token)


def user_of(token: str) -> str | None:
    try:
        verify(token)
    except Exception:
        pass
    return token
