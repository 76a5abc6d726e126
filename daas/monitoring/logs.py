"""Log lines in JSON on standard output: one for each request, and the other messages of the process.

No line contains parts of a request (URI, headers, body) or the text of an exception.
"""

import json
import logging.config
import sys
import traceback
from contextlib import suppress
from functools import cache
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


def configure_logs() -> None:
    """Configure this process, and those that it forks, to write lines of JSON; before that, requests write none."""
    structlog.configure(
        processors=[*_ON_EACH_LINE, structlog.processors.JSONRenderer(lambda line, **_: _to_json(line).encode())],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(_CONFIGURATION)
    logging.captureWarnings(True)


def write_request(**facts: object) -> None:
    """Write the line of a request; skip it if it cannot be written, to a full disk for example."""
    if structlog.is_configured():
        with suppress(OSError):
            _lines().info("request", **facts)


def write_delivery(**facts: object) -> None:
    """Write the line of a delivery of mail; skip it if it cannot be written."""
    if structlog.is_configured():
        with suppress(OSError):
            _lines().info("delivery", **facts)


def write_rejection(**facts: object) -> None:
    """Write the line of a request that the HTTP server rejected, so that the application never saw it."""
    if structlog.is_configured():
        with suppress(OSError):
            _lines().info("rejected by the server", **facts)


@cache
def _lines() -> structlog.typing.FilteringBoundLogger:
    found: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind()
    return found


def _leave_out_text_of_exception(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Return an exception's type and place, but not its text, which may contain parts of a request."""
    error = (line.pop("exc_info", None) or (None, None, None))[1]
    if error is not None:
        line["exception"] = type(error).__name__
        line["traceback"] = "".join(traceback.format_tb(error.__traceback__))
    return line


_ON_EACH_LINE: list[Processor] = [
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
]
#: For the `logging` module, which gunicorn, SQLAlchemy and Python's warnings use.
_CONFIGURATION: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": [
                *_ON_EACH_LINE,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                _leave_out_text_of_exception,
            ],
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(lambda line, **_: _to_json(line)),
            ],
        }
    },
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
    "root": {"level": "INFO", "handlers": ["stdout"]},
    "loggers": {
        # Remove the handler that gunicorn adds.
        "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
        # Below this level it would log parameters and rows.
        "sqlalchemy": {"level": "WARNING"},
        "alembic": {"level": "WARNING"},
    },
}
