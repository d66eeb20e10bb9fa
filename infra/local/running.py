"""One part from its start to its end, under its lock."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import httpx

from infra.local.bank import Bank, BankClock
from infra.local.locks import PartLock, Phase
from infra.local.parts import Part, StackError, StartCancelledError
from infra.local.processes import Child
from infra.local.program import Program

_POLL_SECONDS: Final = 0.03
_RETRY_SECONDS: Final = 0.2


@dataclass(frozen=True)
class Death:
    """A part that ended without being asked to. `status` is its exit status, or minus a signal's number."""

    part: Part
    pid: int
    status: int
    log_tail: str

    def sentence(self) -> str:
        """What to tell a person."""
        how = f"was ended by signal {-self.status}" if self.status < 0 else f"ended with status {self.status}"
        said = f"; its log ends with:\n{self.log_tail}" if self.log_tail else "; it wrote nothing to its log."
        return f"The part {self.part} (pid {self.pid}) {how}{said}"


class RunningPart:
    """A part that this process starts, watches and stops. It owns the part's lock and gives it back."""

    def __init__(self, program: Program, lock: PartLock) -> None:
        """A part that was not started yet."""
        self._program = program
        self._lock = lock
        self._child: Child | None = None
        self._clock: BankClock | None = None

    @property
    def part(self) -> Part:
        """Which part it is."""
        return self._program.part

    def start(self, cancelled: Callable[[], bool]) -> None:
        """Start it and return when it answers and is set up.

        Raises `StackError` when it ends or does not answer in its time, `StartCancelledError` when
        `cancelled` says so. In both cases its process may still run; `stop` ends it.
        """
        deadline = time.monotonic() + self._program.start_seconds
        child = self._launch()
        while not self._program.answers():
            if child.exit_status() is not None:
                death = self._death(child)
                if not self._program.worth_another_try(death.log_tail) or time.monotonic() > deadline:
                    raise StackError(death.sentence())
                time.sleep(_RETRY_SECONDS)
                child = self._launch()
            if time.monotonic() > deadline:
                tail = self._program.site.folder.log_tail(self.part, since=child.log_offset)
                raise StackError(
                    f"The part {self.part} did not answer within {self._program.start_seconds:.0f} s; "
                    f"its log ends with:\n{tail}"
                )
            if cancelled():
                raise StartCancelledError("The start was cancelled.")
            time.sleep(_POLL_SECONDS)
        try:
            self._program.settle()
        except httpx.HTTPError as error:
            raise StackError(f"The part {self.part} answered, but could not be set up: {error}") from error
        if isinstance(self._program, Bank):
            self._clock = self._program.clock()
            self._clock.start()
        self._lock.note(Phase.RUNNING, child.identity)

    def announce_stop(self) -> None:
        """Record that it is about to be stopped, so that a new start waits for its end."""
        self._lock.note(Phase.STOPPING, self._child.identity if self._child else None)

    def ask_to_stop(self) -> None:
        """Send the signal that ends it in order."""
        self._stop_clock()
        if self._child is not None:
            self._child.signal(self._program.stop_signal)

    def finish_stop(self) -> None:
        """Wait for its end, SIGKILL it after its time, and give the lock back."""
        if self._child is not None:
            self._child.finish(self._program.stop_seconds)
        self._lock.release()

    def kill(self) -> None:
        """SIGKILL it and give the lock back."""
        self._stop_clock()
        if self._child is not None:
            self._child.kill()
        self._lock.release()

    def kill_process(self) -> None:
        """SIGKILL it, without waiting; whoever waits for its end goes on."""
        if self._child is not None:
            self._child.signal(signal.SIGKILL)

    def death(self) -> Death | None:
        """How it ended by itself, with the lock given back; None while it runs."""
        if self._child is None or self._child.exit_status() is None:
            return None
        self._stop_clock()
        self._lock.release()
        return self._death(self._child)

    def _launch(self) -> Child:
        self._child = Child(self._program.prepare(), self._program.site.folder.log(self.part))
        self._lock.note(Phase.STARTING, self._child.identity)
        return self._child

    def _death(self, child: Child) -> Death:
        tail = self._program.site.folder.log_tail(self.part, since=child.log_offset)
        return Death(self.part, child.pid, child.exit_status() or 0, tail)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.stop()
            self._clock = None
