import logging

log = logging.getLogger(__name__)


def log_in(name: str, password: str) -> None:
    log.info("log-in of %s with %s", name, password)
