"""The development server's own log: to standard error, and without query strings.

Threat: tokens and personal data in query strings end up in terminals and log files (CWE-532). Lets pass:
paths.
"""

from __future__ import annotations

import logging

# The server's "debug" and "trace" write headers and WebSocket frames, so cookies and messages: they are not
# offered.
LEVELS = ("critical", "error", "warning", "info")


class HideQuery(logging.Filter):
    """Replace the query string in the server's access records by an ellipsis."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, changed where its third argument is a target with a query."""
        if isinstance(record.args, tuple) and len(record.args) > 2:
            target = record.args[2]
            if isinstance(target, str) and "?" in target:
                record.args = (*record.args[:2], target.partition("?")[0] + "?…", *record.args[3:])
        return True


def log_config() -> dict[str, object]:
    """Configuration for `logging.config.dictConfig` of the server's loggers."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"hide_query": {"()": HideQuery}},
        "formatters": {
            "server": {"()": "uvicorn.logging.DefaultFormatter", "fmt": "%(levelprefix)s %(message)s"},
            "access": {
                "()": "uvicorn.logging.AccessFormatter",
                "fmt": '%(levelprefix)s %(client_addr)s "%(request_line)s" %(status_code)s',
            },
        },
        "handlers": {
            "server": {"class": "logging.StreamHandler", "formatter": "server", "filters": ["hide_query"]},
            "access": {"class": "logging.StreamHandler", "formatter": "access", "filters": ["hide_query"]},
        },
        "loggers": {
            "uvicorn": {"handlers": ["server"], "level": "INFO", "propagate": False},
            "uvicorn.error": {"level": "INFO"},
            "uvicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
        },
    }
