"""Everything by which a program is watched, begun and ended in one place: log, traces, reports of failures."""

from collections.abc import Iterator
from contextlib import contextmanager

from infra import log, reporting, tracing
from infra.settings import Settings


@contextmanager
def watched(settings: Settings, service: str) -> Iterator[None]:
    """While the block runs the program `service` is watched as `settings` say; what waits is sent at its end."""
    log.configure(settings.log_level)
    if settings.log_dir is not None:
        log.keep(settings.log_dir, service, settings.log_days)
    tracing.start(settings, f"aurum-{service}")
    reporting.start(settings, f"aurum-{service}")
    try:
        yield
    finally:
        reporting.stop()
        tracing.stop()
        log.end_keeping()
