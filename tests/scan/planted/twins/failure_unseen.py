import logging

log = logging.getLogger(__name__)


class BadSignature(Exception):
    pass


def verify(token: str) -> None:
    raise BadSignature


def user_of(token: str) -> str | None:
    try:
        verify(token)
    except BadSignature:
        log.warning("a signature was refused")
        return None
    return token
