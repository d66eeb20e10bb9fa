"""Logging: one JSON object a line on standard output, and in files of each day where a folder is named, for our own
events and for every library's.

Bound context (`structlog.contextvars`, for example the request id) appears in each line. What is logged never
carries a body, a token or a person's data: callers log ids, codes and durations, and `infra.masking` hides what gets in
all the same.
"""

import logging
import sys
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from infra.log_files import DailyFile, daily_files
from infra.masking import masked_event

_SHARED: Final[list[structlog.typing.Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
    # Without the values of local variables, which hold passwords and people.
    structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
]
# Temporal's own lines say with this which process and which step they are of.
_FOREIGN: Final[list[structlog.typing.Processor]] = [
    structlog.stdlib.ExtraAdder(allow={"temporal_workflow", "temporal_activity"}),
    *_SHARED,
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
    _add(_StandardOutput())


def keep(folder: Path, service: str, days: int) -> None:
    """Writes the lines of the program `service` into `folder` too, and keeps them for so many days."""
    end_keeping()
    for handler in daily_files(folder, service, days):
        if handler.level >= logging.getLogger().level:
            _add(handler)


def end_keeping() -> None:
    """Writes no more files."""
    root = logging.getLogger()
    for handler in [one for one in root.handlers if isinstance(one, DailyFile)]:
        root.removeHandler(handler)
        handler.close()


def _add(handler: logging.Handler) -> None:
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_FOREIGN,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                masked_event,
                structlog.processors.JSONRenderer(serializer=_one_line),
            ],
        )
    )
    logging.getLogger().addHandler(handler)


def _one_line(event: Any, **_: Any) -> str:
    return orjson.dumps(event, default=repr).decode()
