import logging

log = logging.getLogger(__name__)


def log_in(name: str, password: str) -> bool:
    log.info("log-in of %s", name)
    return bool(password)
