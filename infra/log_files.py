"""Files of the log, one a day, beside standard output: what was done, what failed, and every detail where it is wanted.

    <service>-application.2026-11-22.jsonl   from INFO up
    <service>-error.2026-11-22.jsonl         from ERROR up
    <service>-debug.2026-11-22.jsonl         everything, and only where the level of the log is DEBUG

Days are of UTC, by the moment of the line. Several processes may write into one folder: lines are appended whole, and a
new day is a new file, so that nobody has to rename what another one writes to.
"""

import contextlib
import logging
import os
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, TextIO

_KINDS: Final = {"application": logging.INFO, "error": logging.ERROR, "debug": logging.DEBUG}
_SUFFIX: Final = ".jsonl"


class DailyFile(logging.Handler):
    """Appends lines from `level` up to the file of their day, and takes away files that are older than `days`."""

    def __init__(self, folder: Path, name: str, *, level: int, days: int) -> None:
        super().__init__(level)
        self._folder = folder
        self._file_name = name
        self._days = days
        self._day: date | None = None
        self._file: TextIO | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Appends one line. A disk that takes none is told of on standard error, without the line."""
        try:
            day = datetime.fromtimestamp(record.created, UTC).date()
            if day != self._day or self._file is None:
                self._turn_to(day)
            assert self._file is not None
            self._file.write(self.format(record) + "\n")
            self._file.flush()
        except OSError as error:
            self._shut()
            sys.stderr.write(f"the log file {self._file_name} is not written: {error.strerror}\n")

    def close(self) -> None:
        """Ends the file of the day."""
        with self.lock or contextlib.nullcontext():
            self._shut()
        super().close()

    def _turn_to(self, day: date) -> None:
        self._shut()
        self._folder.mkdir(mode=0o750, parents=True, exist_ok=True)
        path = self._folder / f"{self._file_name}.{day}{_SUFFIX}"
        torn = _is_torn(path)
        # Not kept from one line to the next by a `with`: it is open for a day.
        self._file = path.open("a", encoding="utf-8")
        if torn:
            self._file.write("\n")
        self._day = day
        self._take_away_before(day - timedelta(days=self._days - 1))

    def _take_away_before(self, oldest: date) -> None:
        for path in self._folder.glob(f"{self._file_name}.*{_SUFFIX}"):
            with contextlib.suppress(ValueError, FileNotFoundError):
                if date.fromisoformat(path.name[len(self._file_name) + 1 : -len(_SUFFIX)]) < oldest:
                    path.unlink()

    def _shut(self) -> None:
        opened, self._file = self._file, None
        if opened is not None:
            with contextlib.suppress(OSError):
                opened.close()


def _is_torn(path: Path) -> bool:
    """Whether the last line of a file has no end: a full disk took its beginning alone."""
    with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            return file.read() != b"\n"
    return False


def daily_files(folder: Path, service: str, days: int) -> list[DailyFile]:
    """The files of one program: application, error, debug."""
    return [DailyFile(folder, f"{service}-{kind}", level=level, days=days) for kind, level in _KINDS.items()]
