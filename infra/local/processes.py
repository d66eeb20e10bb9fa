"""Processes of the stack: started so that they die with it, known again by more than a number."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import psutil

_LAUNCHER: Final = Path(__file__).with_name("launch.py")
# The kernel counts a start in clock ticks since boot; psutil adds a boot time that moves when the clock is
# set.
_START_TOLERANCE_SECONDS: Final = 2.0
# The parent that PR_SET_PDEATHSIG watches is the thread that forked, so every fork is made by one that stays.
_forker: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forker")


@dataclass(frozen=True)
class Identity:
    """A process that can be recognised later: its number, its start (epoch seconds) and its command line."""

    pid: int
    started: float
    command: tuple[str, ...]

    def process(self) -> psutil.Process | None:
        """The living process, or None when it ended, is a zombie, or the number is another's now."""
        try:
            found = psutil.Process(self.pid)
            if found.status() == psutil.STATUS_ZOMBIE:
                return None
            same_start = abs(found.create_time() - self.started) <= _START_TOLERANCE_SECONDS
            same_command = tuple(found.cmdline()[-len(self.command) :]) == self.command
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return None
        return found if same_start and same_command else None

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return self.process() is not None

    def to_json(self) -> dict[str, Any]:
        """A JSON form that `from_json` reads."""
        return {"pid": self.pid, "started": self.started, "command": list(self.command)}

    @classmethod
    def from_json(cls, value: object) -> Self | None:
        """Read what `to_json` wrote; None for anything else."""
        match value:
            case {"pid": int(pid), "started": float(started), "command": [*command]} if command:
                return cls(pid, started, tuple(str(word) for word in command))
            case _:
                return None


@dataclass(frozen=True)
class Launch:
    """How one program is started. `uid` and `gid` are -1 to stay the same user."""

    command: tuple[str, ...]
    cwd: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    uid: int = -1
    gid: int = -1
    death_signal: signal.Signals = signal.SIGKILL


class Child:
    """A running program that this process started and will reap."""

    def __init__(self, launch: Launch, log: Path) -> None:
        """Start it, appending its output to `log`."""
        self.log_offset = log.stat().st_size if log.exists() else 0
        self._popen = _forker.submit(_fork, launch, log).result()
        try:
            started = psutil.Process(self._popen.pid).create_time()
        except psutil.NoSuchProcess:
            started = time.time()
        self.identity = Identity(self._popen.pid, started, launch.command)

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._popen.pid

    def exit_status(self) -> int | None:
        """None while it runs; its status, or minus the signal that ended it."""
        return self._popen.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it already ended."""
        self._popen.send_signal(number)

    def finish(self, seconds: float) -> None:
        """Wait for its end and reap it; SIGKILL after `seconds`."""
        try:
            self._popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def wait(self) -> int:
        """Wait for its end, however long; its exit status."""
        return self._popen.wait()

    def kill(self) -> None:
        """SIGKILL and reap it."""
        self._popen.kill()
        self._popen.wait()


def _fork(launch: Launch, log: Path) -> subprocess.Popen[bytes]:
    prefix = (sys.executable, "-I", "-S", str(_LAUNCHER))
    terms = (os.getpid(), int(launch.death_signal), launch.uid, launch.gid)
    with log.open("ab") as output:
        return subprocess.Popen(
            (*prefix, *(str(term) for term in terms), *launch.command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=launch.cwd,
            env=dict(launch.environment),
            # Ctrl-C reaches the supervisor alone, which then stops its parts in order.
            start_new_session=True,
        )


def end_stranger(identity: Identity, stop_signal: signal.Signals, seconds: float) -> None:
    """End a process that an earlier supervisor left behind, if it is still that very process.

    It gets a second to end by itself, for it may be about to, `seconds` after `stop_signal`, then SIGKILL.
    """
    for number, patience in ((None, 1.0), (stop_signal, seconds), (signal.SIGKILL, seconds)):
        process = identity.process()
        if process is None:
            return
        try:
            if number is not None:
                process.send_signal(number)
            process.wait(patience)
        except psutil.TimeoutExpired:
            if process.status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            return
