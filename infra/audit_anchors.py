"""Heads of the audit log's chain, kept where the database's owner cannot reach them: one JSON line each, in a file.

The worker keeps the newest head after every run of the sealer, and the last one of each hour for good (some 2 MB a
year). The file is as good a proof as it is out of the owner's hands: put it on a volume of its own, or ship its lines
away as they come.
"""

import asyncio
import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.audit import Outcome
from models.audit_chain import AnchorReport, Head
from models.errors import WrongState
from models.tables.audit import AuditEntry, append
from models.tables.audit_seals import head, seal_at


class AnchorsDamaged(Exception):
    """The file of kept heads cannot be read as one."""


class AnchorFile:
    """The kept heads in one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Head]:
        """The kept heads, oldest first; none when there is no file. Raises `AnchorsDamaged`."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        try:
            return [Head.model_validate_json(line) for line in lines]
        except (ValidationError, UnicodeDecodeError) as error:
            msg = f"{self.path} holds something else than heads of the audit chain"
            raise AnchorsDamaged(msg) from error

    def lasting(self, at: datetime) -> list[Head]:
        """The kept heads that nothing takes the place of any more at `at`, oldest first. Raises `AnchorsDamaged`."""
        kept = self.read()
        return kept[:-1] if kept and _hour(kept[-1].sealed_at) == _hour(at) else kept

    def keep(self, head: Head) -> None:
        """Adds `head`, in the place of the last one if that is of the same hour. One that is no newer is not added.

        Raises `AnchorsDamaged`. Whether `head` belongs to the same chain as the last one is for the caller to check.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone():
            kept = self.read()
            if kept and kept[-1].chain_seq >= head.chain_seq:
                return
            if kept and _hour(kept[-1].sealed_at) == _hour(head.sealed_at):
                kept.pop()
            self._write([*kept, head])

    def put_aside(self, known: list[Head], aside: Path) -> None:
        """Keeps `known` alone, and all that was kept so far in the file `aside`."""
        with self._alone():
            os.link(self.path, aside)
            self._write(known)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        handle = os.open(self.path.with_name(f".{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _write(self, heads: list[Head]) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(f"{head.model_dump_json()}\n" for head in heads)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


async def keep_head(engine: AsyncEngine, anchors: AnchorFile) -> AnchorReport:
    """Keeps the head of the chain. One that does not go through the head that was kept last is reported and not kept:
    the older head is the evidence."""
    try:
        kept = await asyncio.to_thread(anchors.read)
    except AnchorsDamaged as error:
        return AnchorReport(broken=str(error))
    async with transaction(engine) as session:
        last = await head(session)
        fitting = await seal_at(session, kept[-1].chain_seq) if kept else None
    if kept and (fitting is None or fitting.head.chain_hash != kept[-1].chain_hash):
        what = "is not there any more" if fitting is None else "is not the one that was kept"
        return AnchorReport(broken=f"The seal {kept[-1].chain_seq} of {kept[-1].sealed_at.isoformat()} {what}")
    if last is not None:
        await asyncio.to_thread(anchors.keep, last.head)
    return AnchorReport(head=last.head if last else None)


async def rewind(engine: AsyncEngine, anchors: AnchorFile, *, at: datetime, reason: str, operator: str) -> Path | None:
    """Puts the heads aside that are later than the log, after a restore to an earlier moment. The file in which they
    are from now on; None if there are none.

    Raises `AnchorsDamaged`, and `WrongState` where the log does not go through the last head that it should know: then
    it is another log, and not an earlier one.
    """
    kept = await asyncio.to_thread(anchors.read)
    async with transaction(engine) as session:
        last = await head(session)
        reached = last.head.chain_seq if last else 0
        known = [one for one in kept if one.chain_seq <= reached]
        fitting = await seal_at(session, known[-1].chain_seq) if known else None
        if known and (fitting is None or fitting.head.chain_hash != known[-1].chain_hash):
            raise WrongState(f"the log does not go through the seal {known[-1].chain_seq} that was kept")
        if len(known) == len(kept):
            return None
        aside = anchors.path.with_name(f"{anchors.path.name}.until-{at:%Y%m%dT%H%M%SZ}")
        told = {"reached": reached, "kept": kept[-1].chain_seq, "aside": aside.name}
        await append(
            session,
            AuditEntry(
                user_id=None,
                actor_role="operator",
                action="audit.rewind",
                resource_type="audit_anchors",
                resource_id=anchors.path.name,
                new_values={**told, "reason": reason, "operator": operator},
                outcome=Outcome.DONE,
            ),
        )
        await asyncio.to_thread(anchors.put_aside, known, aside)
    return aside


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
