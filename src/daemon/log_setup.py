"""structlog's set-up: readable lines on a terminal, JSON where journald or a pipe reads them."""

from __future__ import annotations

import logging
import os
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger


class LogLevel:
    """The least severe level that is logged; a processor, so that it can change while loggers are in use."""

    def __init__(self, level: str) -> None:
        self._numbers = {name.lower(): number for name, number in logging.getLevelNamesMapping().items()}
        self._numbers["exception"] = logging.ERROR
        self._least = self._numbers[level]

    def set(self, level: str) -> None:
        """``level`` is debug, info, warning or error."""
        self._least = self._numbers[level]

    def __call__(self, _logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
        if self._numbers.get(method, logging.CRITICAL) < self._least:
            raise structlog.DropEvent
        return event_dict


def set_up_logging(level: str, stream: TextIO = sys.stderr) -> LogLevel:
    """``level`` is debug, info, warning or error; the answer changes it later."""
    log_level = LogLevel(level)
    structlog.configure(
        processors=[
            log_level,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=not stream.isatty()),
            structlog.processors.format_exc_info,
            _renderer(stream),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    return log_level


def _renderer(stream: TextIO) -> Processor:
    if stream.isatty() and "JOURNAL_STREAM" not in os.environ:
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer()
