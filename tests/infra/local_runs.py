"""Runs of `python -m infra.local up` as a person or a script makes them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from infra.local.site import REPOSITORY

DEADLINE_SECONDS = 60.0
INFRASTRUCTURE = "db,temporal,bank"
T = TypeVar("T")


def until(condition: Callable[[], T], what: str, seconds: float = DEADLINE_SECONDS) -> T:
    """The first true value of `condition`, asked again and again until a deadline."""
    give_up = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < give_up, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.02)
    return value


def gone(pid: int) -> bool:
    """Whether that process ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@dataclass
class Up:
    """One supervisor: its process, and what it wrote."""

    process: subprocess.Popen[bytes]
    ready_file: Path
    output: Path

    def info(self) -> dict[str, Any]:
        """The ready file, as soon as there is one."""
        until(lambda: self.ready_file.exists() or self.process.poll() is not None, "the ready file")
        assert self.ready_file.exists(), f"up ended with {self.process.poll()}: {self.said()}"
        content: dict[str, Any] = json.loads(self.ready_file.read_text(encoding="utf-8"))
        return content

    def said(self) -> str:
        """Its standard output and error."""
        return self.output.read_text(encoding="utf-8")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def status(self) -> int:
        """Its exit status, once it ends."""
        return self.process.wait(DEADLINE_SECONDS)


@contextmanager
def up(data: Path | str, *options: str, ready_file: Path, cwd: Path = REPOSITORY) -> Iterator[Up]:
    """A supervisor on `data`, stopped at the end of the block unless it ended before."""
    command = [sys.executable, "-m", "infra.local", "up", "--data", str(data), "--ready-file", str(ready_file)]
    output = ready_file.with_suffix(f".{len(list(ready_file.parent.iterdir()))}.log")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with output.open("wb") as sink:
        process = subprocess.Popen([*command, *options], cwd=cwd, env=environment, stdout=sink, stderr=sink)
    with process:
        try:
            yield Up(process, ready_file, output)
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)
