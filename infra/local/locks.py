"""One lock per part, held by the supervisor that runs it, with a record of what runs.

The lock is a kernel lock (flock): it goes with the process that holds it, so nothing is ever stale. The
record beside it says which process the part is, for the supervisors of the other parts and for the next
start.
"""

import fcntl
import json
import os
import signal
import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from infra.local.folder import DataFolder, read_json, write_atomically
from infra.local.parts import Part, StackError
from infra.local.processes import Identity, end_stranger

# Longer than any part is given to stop, so that a start right after a stop waits instead of refusing.
_PREDECESSOR_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_ORPHAN_SECONDS: Final = 5.0


class Phase(StrEnum):
    """How far a part is. Only a part that is `stopping` is worth waiting for."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


@dataclass(frozen=True)
class Record:
    """What a supervisor wrote about its part."""

    supervisor: int
    phase: Phase
    identity: Identity | None

    @classmethod
    def read(cls, folder: DataFolder, part: Part) -> Self | None:
        """The record of a part, or None when it never ran here."""
        match read_json(folder.run / f"{part}.json"):
            case {"supervisor": int(supervisor), "phase": str(phase), "process": process}:
                return cls(supervisor, Phase(phase), Identity.from_json(process))
            case _:
                return None


def living(folder: DataFolder) -> dict[Part, Identity]:
    """The parts of this folder that run now, whoever supervises them."""
    records = ((part, Record.read(folder, part)) for part in Part)
    known = ((part, record.identity) for part, record in records if record and record.identity)
    return {part: identity for part, identity in known if identity.alive()}


class PartLock:
    """The right to run one part in one folder."""

    def __init__(self, folder: DataFolder, part: Part, handle: int) -> None:
        """Wrap a file handle that already holds the lock; use `take`."""
        self._folder = folder
        self._part = part
        self._handle: int | None = handle

    @classmethod
    def take(cls, folder: DataFolder, part: Part) -> Self:
        """Take the lock, and end what an earlier supervisor of this part may have left running.

        Waits for a predecessor that is stopping or whose process just died. Raises `StackError` when the part
        runs.
        """
        handle = os.open(folder.run / f"{part}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            _wait_for_lock(handle, folder, part)
            record = Record.read(folder, part)
            if record and record.identity:
                polite = signal.SIGQUIT if part is Part.DB else signal.SIGTERM
                end_stranger(record.identity, polite, _ORPHAN_SECONDS)
            lock = cls(folder, part, handle)
            lock.note(Phase.STARTING, None)
        except BaseException:
            os.close(handle)
            raise
        return lock

    def note(self, phase: Phase, identity: Identity | None) -> None:
        """Record how far the part is."""
        process = identity.to_json() if identity else None
        content = {"supervisor": os.getpid(), "phase": phase, "process": process}
        write_atomically(self._folder.run / f"{self._part}.json", json.dumps(content))

    def release(self) -> None:
        """Give the part free. Doing it twice is harmless."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _wait_for_lock(handle: int, folder: DataFolder, part: Part) -> None:
    deadline = time.monotonic() + _PREDECESSOR_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            record = Record.read(folder, part)
            if _holds_on(record) or time.monotonic() > deadline:
                owner = f" (supervisor pid {record.supervisor})" if record else ""
                raise StackError(
                    f"The part {part} of {folder.root} is already running{owner}; "
                    "stop it first or choose another folder with --data."
                ) from None
            time.sleep(_POLL_SECONDS)
        else:
            return


def _holds_on(record: Record | None) -> bool:
    """Whether the holder of the lock means to keep it: it is starting the part, or the part runs."""
    if record is None or record.phase is Phase.STOPPING:
        return False
    return record.phase is Phase.STARTING or (record.identity is not None and record.identity.alive())
