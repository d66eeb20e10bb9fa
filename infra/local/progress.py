"""Progress of a start: one line per part with its seconds, live on a terminal, plain elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Reporter(Protocol):
    """Who is told how a start goes on. Steps overlap and come from several threads."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step: begins now, done when the block ends without an error."""

    def close(self) -> None:
        """No step follows for now."""


class Quiet:
    """Says nothing."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Nothing."""
        del name
        yield

    def close(self) -> None:
        """Nothing."""


class PlainLines:
    """One line when a step is done, for logs and pipes."""

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Print the step's name and seconds when it is done."""
        began = time.monotonic()
        yield
        print(f"{name:<10} ready in {time.monotonic() - began:5.1f} s", flush=True)

    def close(self) -> None:
        """Nothing is open."""


class LiveLines:
    """A line per step with a spinner and running seconds."""

    def __init__(self, console: Console) -> None:
        """Draw on `console`."""
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description:<10}"),
            TimeElapsedColumn(),
            console=console,
        )

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Draw the step until it is done or failed."""
        self._progress.start()
        task = self._progress.add_task(name, total=1)
        try:
            yield
        except BaseException:
            self._progress.stop_task(task)
            raise
        self._progress.update(task, completed=1)

    def close(self) -> None:
        """Leave the lines as they are and give the terminal back."""
        self._progress.stop()


def reporter(console: Console) -> Reporter:
    """Live lines on a terminal, plain ones elsewhere."""
    return LiveLines(console) if console.is_terminal else PlainLines()
