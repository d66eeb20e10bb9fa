"""Logging: one JSON object a line on standard output, for our own events and for every library's.

Bound context (`structlog.contextvars`, for example the request id) appears in each line. What is logged never
carries a body, a token or a person's data: callers log ids, codes and durations, and `infra.masking` hides what gets in
all the same.
"""

import logging
import sys
from typing import Any, Final

import orjson
import structlog

from infra.masking import masked_event

_SHARED: Final[list[structlog.typing.Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    # Without the values of local variables, which hold passwords and people.
    structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
]


class _StandardOutput(logging.StreamHandler[Any]):
    """Writes to whatever standard output is at that moment, so that a redirected one is followed."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


def configure(level: str = "INFO") -> None:
    """Sets logging up for this process. Called again, it changes the level."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.setLevel(level.upper())
    if any(isinstance(handler, _StandardOutput) for handler in root.handlers):
        return
    handler = _StandardOutput()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                masked_event,
                structlog.processors.JSONRenderer(serializer=_one_line),
            ],
        )
    )
    root.addHandler(handler)


def _one_line(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=repr).decode()
