"""Reading what the bank writes: each file once, matched to its order, kept for ever; what is unclear goes to a person.

The reader records and wakes. It moves no order and no money: the process of the wire or of the payment does, from the
rows.
"""

import contextlib
import hashlib
from typing import Any, Final
from uuid import UUID

import structlog
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from uuid_utils.compat import uuid7

from activities.bank_orders import Order, order_of
from infra.database import transaction
from infra.providers.bank import BankChannel, UnreadableMessage, read_answers
from models.bank import AnswerKind, BankAnswer, ParsedMessage
from models.money import written
from models.tables import bank_statements, wires
from models.tables.outbox import enqueue

log = structlog.get_logger(__name__)

# The bank saw the message id before: we know, the order has been given once. It refuses the copy, not the order.
_DUPLICATE: Final = "DUPL"
# Answers that have to belong to an order of ours. The others repeat or concern what reconciliation looks at.
_NEEDS_AN_ORDER: Final = frozenset(
    {
        AnswerKind.ACCEPTED,
        AnswerKind.REJECTED,
        AnswerKind.CANCELLED,
        AnswerKind.BOOKED,
        AnswerKind.RETURNED,
        AnswerKind.RECEIVED,
        AnswerKind.TAKEN_BACK,
        AnswerKind.RECALL_ACCEPTED,
        AnswerKind.RECALL_REFUSED,
        AnswerKind.RECALL_PENDING,
        AnswerKind.CORRECTED,
    }
)

_TO_READ_AGAIN: Final = text("SELECT id FROM bank_messages WHERE status = 'to_read_again' ORDER BY id LIMIT 50")
_CLAIMED_AGAIN: Final = text(
    "SELECT id, message_type, content FROM bank_messages"
    " WHERE id = :id AND status = 'to_read_again' FOR UPDATE SKIP LOCKED"
)
_READ_AGAIN: Final = text(
    "UPDATE bank_messages SET status = :status, reason = :reason, message_type = :type, message_id = :message_id,"
    " payments_named = :named, updated_at = clock_timestamp() WHERE id = :id"
)


class BankInbox:
    """The bank's folder, read by every worker; a file is claimed by the unique hash of its content."""

    def __init__(self, engine: AsyncEngine, channel: BankChannel) -> None:
        self._engine = engine
        self._channel = channel

    async def read_waiting(self) -> int:
        """Reads every file that waits. Returns how many it took. One bad file never stops the next."""
        taken = 0
        for name in await self._channel.waiting():
            try:
                content = await self._channel.read(name)
            except FileNotFoundError:
                continue  # another worker was quicker
            except OSError as error:
                # No right to read it, or the disk: it stays where it is, and the next ones are read.
                log.warning("bank.file_not_read", file=name, error=str(error))
                continue
            except UnreadableMessage as error:
                await self._keep_unreadable(name, b"", str(error))
                await self._channel.quarantine(name)
                taken += 1
                continue
            put_away = self._channel.archive if await self._take(name, content) else self._channel.quarantine
            with contextlib.suppress(FileNotFoundError):  # another worker has put it away
                await put_away(name)
            taken += 1
        return taken + await self._read_again()

    async def _read_again(self) -> int:
        """Reads what operators want read again, by the rules of a new file. Returns how many were read to the end."""
        read = 0
        async with transaction(self._engine) as session:
            waiting = (await session.execute(_TO_READ_AGAIN)).scalars().all()
        for message_id in waiting:
            async with transaction(self._engine) as session:
                message = (await session.execute(_CLAIMED_AGAIN, {"id": message_id})).one_or_none()
                if message is not None:
                    read += await self._again(session, message)
        return read

    async def _again(self, session: AsyncSession, message: Row[Any]) -> bool:
        values: dict[str, Any] = {"id": message.id, "type": message.message_type, "message_id": "", "named": None}
        reason: str | None = None
        try:
            parsed = read_answers(bytes(message.content), strict=True)
        except UnreadableMessage as error:
            reason = str(error)[:500]
        else:
            values |= {"type": parsed.message_type, "message_id": parsed.message_id, "named": len(parsed.answers)}
            reason = await self._record(session, message.id, parsed)
        await session.execute(_READ_AGAIN, values | {"status": "quarantined" if reason else "read", "reason": reason})
        return reason is None

    async def _take(self, name: str, content: bytes) -> bool:
        """Records a file and what it says. False: it is for a person to look at."""
        try:
            parsed = read_answers(content, strict=True)
        except UnreadableMessage as error:
            await self._keep_unreadable(name, content, str(error))
            return False
        async with transaction(self._engine) as session:
            message_id = await _store(session, name, content, parsed)
            if message_id is None:
                # Read before, and a crash came before the file was put away; or the bank has sent it twice.
                return await _was_read(session, content)
            reason = await self._record(session, message_id, parsed)
            if reason is not None:
                await session.execute(
                    text("UPDATE bank_messages SET status = 'quarantined', reason = :reason WHERE id = :id"),
                    {"id": message_id, "reason": reason},
                )
                log.warning("bank.unmatched", file=name, reason=reason)
        return reason is None

    async def _record(self, session: AsyncSession, message_id: Any, parsed: ParsedMessage) -> str | None:
        """Keeps what a message says. Why a person has to look at it, if one has to."""
        strange = await bank_statements.keep(session, message_id, parsed.statements)
        if unmatched := await self._record_answers(session, message_id, parsed):
            strange.append("no order of ours: " + ", ".join(unmatched))
        return "; ".join(strange)[:450] or None

    async def _record_answers(self, session: AsyncSession, message_id: Any, parsed: ParsedMessage) -> list[str]:
        unmatched: list[str] = []
        woken: dict[UUID, Order] = {}
        for position, answer in enumerate(parsed.answers):
            if answer.kind not in _NEEDS_AN_ORDER:
                continue
            order = await order_of(session, answer)
            if order is None:
                unmatched.append(answer.end_to_end_id or answer.uetr or answer.original_message_id or f"#{position}")
                continue
            await _answer(session, message_id, position, order, answer)
            woken[order.recall.id if order.recall else order.id] = order
        for order in woken.values():
            await _wake(session, order, message_id)
        return unmatched

    async def _keep_unreadable(self, name: str, content: bytes, reason: str) -> None:
        async with transaction(self._engine) as session:
            # An empty content stands for a file too large to keep: its name makes it unique.
            digest = hashlib.sha256(content or name.encode()).digest()
            await session.execute(
                text(
                    "INSERT INTO bank_messages (direction, message_type, file_name, sha256, content, status, reason)"
                    " VALUES ('inbound', 'unreadable', :name, :sha256, :content, 'quarantined', :reason)"
                    " ON CONFLICT DO NOTHING"
                ),
                {"name": name, "sha256": digest, "content": content, "reason": reason[:500]},
            )
        log.warning("bank.unreadable", file=name, reason=reason)


async def _wake(session: AsyncSession, order: Order, message_id: Any) -> None:
    # The row is locked: either the order's process will still look at its answers, or it has ended, and this message
    # gets a process of its own.
    if order.recall is not None:
        await wires.wake_recall(session, order.recall, await wires.find(session, order.id))
        return
    workflow = f"{order.kind}-late-answer" if order.ended else order.kind
    await enqueue(
        session,
        workflow=workflow,
        workflow_id=f"{workflow}/{order.id}/{message_id}" if order.ended else f"{workflow}/{order.id}",
        argument=order.start.model_dump(mode="json"),
        summary=written(order.start.amount_minor, order.start.currency),
    )


async def _store(session: AsyncSession, name: str, content: bytes, parsed: ParsedMessage) -> Any:
    made = await session.execute(
        text(
            "INSERT INTO bank_messages (id, direction, message_type, message_id, file_name, sha256, content, status,"
            " payments_named) VALUES (:id, 'inbound', :type, :message_id, :name, :sha256, :content, 'read', :named)"
            " ON CONFLICT DO NOTHING RETURNING id"
        ),
        {
            "id": uuid7(),
            "type": parsed.message_type,
            "message_id": parsed.message_id,
            "named": len(parsed.answers),
            "name": name,
            "sha256": hashlib.sha256(content).digest(),
            "content": content,
        },
    )
    return made.scalar_one_or_none()


async def _was_read(session: AsyncSession, content: bytes) -> bool:
    status = await session.execute(
        text("SELECT status FROM bank_messages WHERE direction = 'inbound' AND sha256 = :sha256"),
        {"sha256": hashlib.sha256(content).digest()},
    )
    return bool(status.scalar_one() == "read")


async def _answer(session: AsyncSession, message_id: Any, position: int, order: Order, answer: BankAnswer) -> None:
    duplicate = answer.kind is AnswerKind.REJECTED and answer.reason_code == _DUPLICATE
    await session.execute(
        text(
            "INSERT INTO bank_answers (message_id, position, wire_id, payment_id, recall_id, kind, reason_code,"
            " reason_text, amount_minor, original_amount_minor, currency, booked_on, bank_reference) VALUES"
            " (:message_id, :position, :wire_id, :payment_id, :recall_id, :kind, :reason_code, :reason_text,"
            " :amount_minor, :original_amount_minor, :currency, :booked_on, :bank_reference)"
            # Read again, what was recorded of a file the first time stays.
            " ON CONFLICT (message_id, position) DO NOTHING"
        ),
        {
            "message_id": message_id,
            "position": position,
            "wire_id": order.id if order.kind == "wire" else None,
            "payment_id": order.id if order.kind == "payment" else None,
            "recall_id": order.recall.id if order.recall else None,
            "kind": AnswerKind.PENDING if duplicate else answer.kind,
            "reason_code": answer.reason_code,
            "reason_text": answer.reason_text,
            "amount_minor": answer.amount_minor,
            "original_amount_minor": answer.original_amount_minor,
            "currency": answer.currency,
            "booked_on": answer.booked_on,
            "bank_reference": answer.bank_reference,
        },
    )
