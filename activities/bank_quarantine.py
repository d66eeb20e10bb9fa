"""What the reader keeps of a file for people to rule about, and what they have ruled."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.bank import BankAnswer
from models.bank_rulings import QuarantineRuling, RulingStatus

_KEEP: Final = text(
    "INSERT INTO quarantined_answers (message_id, position, kind, matched, end_to_end_id, uetr, original_message_id,"
    " amount_minor, currency, booked_on, reason_code, reason_text, bank_reference) VALUES (:message_id, :position,"
    " :kind, :matched, :end_to_end_id, CAST(:uetr AS uuid), :original_message_id, :amount_minor, :currency, :booked_on,"
    " :reason_code, :reason_text, :bank_reference)"
    " ON CONFLICT (message_id, position) DO UPDATE SET kind = excluded.kind, matched = excluded.matched,"
    " end_to_end_id = excluded.end_to_end_id, uetr = excluded.uetr, original_message_id = excluded.original_message_id,"
    " amount_minor = excluded.amount_minor, currency = excluded.currency, booked_on = excluded.booked_on,"
    " reason_code = excluded.reason_code, reason_text = excluded.reason_text, bank_reference = excluded.bank_reference"
)
_RULED: Final = text(
    "SELECT ruling, position, wire_id, payment_id, proposed_by, decided_by FROM quarantine_rulings"
    " WHERE message_id = :id AND status IN ('confirmed', 'applied') ORDER BY id"
)
_END: Final = text(
    "UPDATE quarantine_rulings SET status = :status, ended_at = clock_timestamp()"
    " WHERE message_id = :id AND status = ANY (:before) AND (CAST(:all AS boolean)"
    " OR coalesce(position, -1) = ANY (:positions))"
)
# Where a ruling is about the whole file.
_WHOLE: Final = -1
_SHOWN: Final = {
    "kind",
    "end_to_end_id",
    "uetr",
    "original_message_id",
    "amount_minor",
    "currency",
    "booked_on",
    "reason_code",
    "reason_text",
    "bank_reference",
}


@dataclass(frozen=True)
class Assigned:
    """The order that two people say an answer is about, and who they are."""

    kind: str  # wire, payment
    order_id: UUID
    proposed_by: UUID
    confirmed_by: UUID


@dataclass(frozen=True)
class Ruled:
    """What two people have ruled about a file: whether it is read as it is, and which answer is about which order."""

    as_is: bool = False
    orders: dict[int, Assigned] = field(default_factory=dict)


async def ruled(session: AsyncSession, message_id: UUID) -> Ruled:
    """What was confirmed about a file, applied already or not."""
    rows = (await session.execute(_RULED, {"id": message_id})).all()
    return Ruled(
        as_is=any(row.ruling == QuarantineRuling.READ_AS_IS for row in rows),
        orders={
            row.position: Assigned(
                "wire" if row.wire_id else "payment", row.wire_id or row.payment_id, row.proposed_by, row.decided_by
            )
            for row in rows
            if row.ruling == QuarantineRuling.ASSIGN
        },
    )


async def keep_answers(
    session: AsyncSession, message_id: UUID, answers: Iterable[tuple[int, BankAnswer]], matched: frozenset[int]
) -> None:
    """Keeps what a file says of orders, by its place in the file, for people to look at."""
    values = [
        answer.model_dump(include=_SHOWN)
        | {"message_id": message_id, "position": position, "matched": position in matched}
        for position, answer in answers
    ]
    if values:
        await session.execute(_KEEP, values)


async def end_rulings(
    session: AsyncSession, message_id: UUID, *, applied: frozenset[int], contradicted: frozenset[int], read: bool
) -> None:
    """Ends what was confirmed, now that the file was read: applied, or void where the file names another order by now.
    Once the whole file is `read`, nothing about it is left to decide."""

    async def end(status: RulingStatus, before: tuple[str, ...], positions: frozenset[int], *, every: bool) -> None:
        asked = {"status": status.value, "before": list(before), "positions": sorted(positions), "all": every}
        await session.execute(_END, asked | {"id": message_id})

    await end(RulingStatus.APPLIED, ("confirmed",), applied | {_WHOLE}, every=False)
    await end(RulingStatus.VOID, ("confirmed",), contradicted, every=False)
    if read:
        await end(RulingStatus.VOID, ("proposed", "confirmed"), frozenset(), every=True)
