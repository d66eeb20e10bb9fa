"""Reading what the bank writes: each file once, matched to its order, kept for ever; what is unclear goes to a person.

The reader records and wakes. It moves no order and no money: the process of the wire or of the payment does, from the
rows.
"""

import contextlib
import hashlib
import time
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import Row, text
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from uuid_utils.compat import uuid7

from activities.bank_quarantine import Ruled, keep_answers, ruled
from activities.bank_reading import about_orders, record
from infra.database import transaction
from infra.providers.bank import BankChannel, UnreadableMessage, read_answers
from models.bank import ParsedMessage

log = structlog.get_logger(__name__)

# A file that cannot be opened may be one that a gateway has not finished giving away.
PATIENCE_SECONDS: Final = 60.0
_TO_READ_AGAIN: Final = text("SELECT id FROM bank_messages WHERE status = 'to_read_again' ORDER BY id LIMIT 50")
_CLAIMED_AGAIN: Final = text(
    "SELECT id, message_type, content FROM bank_messages"
    " WHERE id = :id AND status = 'to_read_again' FOR UPDATE SKIP LOCKED"
)
_READ_AGAIN: Final = text(
    "UPDATE bank_messages SET status = :status, reason = :reason, message_type = :type, message_id = :message_id,"
    " payments_named = :named, readable_as_is = :readable, updated_at = clock_timestamp() WHERE id = :id"
)
_UNREADABLE: Final = text(
    "INSERT INTO bank_messages (id, direction, message_type, file_name, sha256, content, status, reason,"
    " readable_as_is) VALUES (:id, 'inbound', 'unreadable', :name, :sha256, :content, 'quarantined', :reason,"
    " :readable) ON CONFLICT DO NOTHING RETURNING id"
)
_READ: Final = text(
    "INSERT INTO bank_messages (id, direction, message_type, message_id, file_name, sha256, content, status,"
    " payments_named) VALUES (:id, 'inbound', :type, :message_id, :name, :sha256, :content, 'read', :named)"
    " ON CONFLICT DO NOTHING RETURNING id"
)
_SET_ASIDE: Final = text("UPDATE bank_messages SET status = 'quarantined', reason = :reason WHERE id = :id")
_STATUS: Final = text("SELECT status FROM bank_messages WHERE direction = 'inbound' AND sha256 = :sha256")


class BankInbox:
    """The bank's folder, read by every worker; a file is claimed by the unique hash of its content."""

    def __init__(
        self, engine: AsyncEngine, channel: BankChannel, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> None:
        self._engine = engine
        self._channel = channel
        self._patience = patience_seconds
        # Since when something in the folder cannot be read, and what people were told of already.
        self._unopened: dict[str, float] = {}
        self._told: set[str] = set()

    async def read_waiting(self) -> int:
        """Reads every file that waits. Returns how many it took. One bad file never stops the next."""
        taken = 0
        waiting = await self._channel.waiting()
        for name in waiting:
            taken += await self._read_one(name)
        obstacles = await self._channel.obstacles()
        for name, what in obstacles:
            if self._lies_too_long(name) and name not in self._told:
                await self._keep_unreadable(name, b"", f"it is {what}, and stays in the inbox; move it away")
                self._told.add(name)
        here = {*waiting, *(name for name, _ in obstacles)}
        self._unopened = {name: since for name, since in self._unopened.items() if name in here}
        self._told &= here
        return taken + await self._read_again()

    async def _read_one(self, name: str) -> bool:
        """Whether a file was taken out of the folder."""
        try:
            content = await self._channel.read(name)
        except FileNotFoundError:
            return False  # another worker was quicker
        except OSError as error:
            # No right to read it, or the disk. The next ones are read; this one is left until it lies too long.
            log.warning("bank.file_not_read", file=name, error=str(error))
            if not self._lies_too_long(name):
                return False
            await self._keep_unreadable(name, b"", f"it cannot be opened: {error.strerror}; mend it, and put it back")
            return await self._put_away(name, read=False)
        except UnreadableMessage as error:
            await self._keep_unreadable(name, b"", str(error))
            return await self._put_away(name, read=False)
        return await self._put_away(name, read=await self._take(name, content))

    def _lies_too_long(self, name: str) -> bool:
        since = self._unopened.setdefault(name, time.monotonic())
        return time.monotonic() - since >= self._patience

    async def _put_away(self, name: str, *, read: bool) -> bool:
        with contextlib.suppress(FileNotFoundError):  # another worker has put it away
            await (self._channel.archive if read else self._channel.quarantine)(name)
        return True

    async def _read_again(self) -> int:
        """Reads what operators want read again, by the rules of a new file. Returns how many were read to the end."""
        read = 0
        async with transaction(self._engine) as session:
            waiting = (await session.execute(_TO_READ_AGAIN)).scalars().all()
        for message_id in waiting:
            try:
                async with transaction(self._engine) as session:
                    message = (await session.execute(_CLAIMED_AGAIN, {"id": message_id})).one_or_none()
                    if message is not None:
                        read += await self._again(session, message)
            except DBAPIError as error:
                async with transaction(self._engine) as session:
                    await session.execute(_SET_ASIDE, {"id": message_id, "reason": _refusal(error)})
        return read

    async def _again(self, session: AsyncSession, message: Row[Any]) -> bool:
        values: dict[str, Any] = {"id": message.id, "type": message.message_type, "message_id": "", "named": None}
        content, decided = bytes(message.content), await ruled(session, message.id)
        try:
            parsed = _read(content, strict=not decided.as_is)
        except UnreadableMessage as error:
            reason: str | None = str(error)[:500]
            values["readable"] = await _keep_if_readable(session, message.id, content)
        else:
            values |= {"type": parsed.message_type, "message_id": parsed.message_id, "named": _payments(parsed)}
            values["readable"] = decided.as_is
            reason = await record(session, message.id, parsed, decided)
        await session.execute(_READ_AGAIN, values | {"status": "quarantined" if reason else "read", "reason": reason})
        return reason is None

    async def _take(self, name: str, content: bytes) -> bool:
        """Records a file and what it says. False: it is for a person to look at."""
        try:
            return await self._record(name, content, _read(content, strict=True))
        except UnreadableMessage as error:
            reason = str(error)
        except DBAPIError as error:
            reason = _refusal(error)
        await self._keep_unreadable(name, content, reason)
        return False

    async def _record(self, name: str, content: bytes, parsed: ParsedMessage) -> bool:
        async with transaction(self._engine) as session:
            message_id = await _store(session, name, content, parsed)
            if message_id is None:
                # Read before, and a crash came before the file was put away; or the bank has sent it twice.
                status = await session.execute(_STATUS, {"sha256": hashlib.sha256(content).digest()})
                return bool(status.scalar_one() == "read")
            reason = await record(session, message_id, parsed, Ruled())
            if reason is not None:
                await session.execute(_SET_ASIDE, {"id": message_id, "reason": reason})
                log.warning("bank.unmatched", file=name, reason=reason)
        return reason is None

    async def _keep_unreadable(self, name: str, content: bytes, reason: str) -> None:
        async with transaction(self._engine) as session:
            # An empty content stands for a file that was not read: its name makes it unique, on one day.
            digest = hashlib.sha256(content or f"{name}/{datetime.now(UTC):%Y-%m-%d}".encode()).digest()
            kept = await session.execute(
                _UNREADABLE,
                {
                    "id": uuid7(),
                    "name": name,
                    "sha256": digest,
                    "content": content,
                    "reason": reason[:500],
                    "readable": False,
                },
            )
            message_id = kept.scalar_one_or_none()
            if message_id is not None and await _keep_if_readable(session, message_id, content):
                await session.execute(
                    text("UPDATE bank_messages SET readable_as_is = true WHERE id = :id"), {"id": message_id}
                )
        log.warning("bank.unreadable", file=name, reason=reason)


async def _keep_if_readable(session: AsyncSession, message_id: UUID, content: bytes) -> bool:
    """Whether a file could be read if it were not for its schema; what it says is kept then, for people to rule."""
    try:
        parsed = _read(content, strict=False)
        async with session.begin_nested():
            await keep_answers(session, message_id, about_orders(parsed), frozenset())
    except UnreadableMessage:
        return False
    except DBAPIError as error:
        _refusal(error)
        return False
    return True


def _payments(parsed: ParsedMessage) -> int:
    return len(parsed.answers) + len(parsed.cancellations) + len(parsed.inquiries)


def _read(content: bytes, *, strict: bool) -> ParsedMessage:
    try:
        return read_answers(content, strict=strict)
    except UnreadableMessage:
        raise
    except Exception as error:
        # Whatever a stranger's file does to a reader, it is that file which waits, and not those behind it.
        log.exception("bank.reader_failed")
        raise UnreadableMessage(
            f"the reader failed on it ({type(error).__name__}); our developers have to look"
        ) from None


def _refusal(error: DBAPIError) -> str:
    """Why the database does not take what a file says: it would refuse it again. Raises `error` where it is about
    something else, a lost connection or a deadlock, and the file is simply read later."""
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if not isinstance(error, DataError) and state[:2] not in {"22", "23", "AU"}:
        raise error
    return f"what it says cannot be stored: {' '.join(str(error.orig).split())[:300]}"


async def _store(session: AsyncSession, name: str, content: bytes, parsed: ParsedMessage) -> UUID | None:
    made = await session.execute(
        _READ,
        {
            "id": uuid7(),
            "type": parsed.message_type,
            "message_id": parsed.message_id,
            "named": _payments(parsed),
            "name": name,
            "sha256": hashlib.sha256(content).digest(),
            "content": content,
        },
    )
    stored: UUID | None = made.scalar_one_or_none()
    return stored
