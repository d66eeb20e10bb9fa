"""What two people rule about files in quarantine: proposed by one, confirmed or refused by another.

Each act is one transaction of the caller: the file's row is locked, the rule is asked, and what was decided is written
together with the word to the reader. The reader does the rest, as it does with a new file.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, Select, Text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, func, select
from uuid_utils.compat import uuid7

from models.bank import AnswerKind
from models.bank_rulings import (
    OF_RECALLS,
    AnswerDoesNotFit,
    QuarantineRuling,
    RulingOpen,
    RulingStatus,
    check_assignment,
)
from models.errors import FourEyes, NotFound, RuleRefused, WrongState
from models.payments import PaymentStatus
from models.tables import payments, wires
from models.tables.bank import BankMessage, leave_quarantine, quarantined
from models.tables.payments import Payment
from models.tables.wires import Wire
from models.wires import WireStatus

MOMENT = DateTime(timezone=True)
_OPEN = (RulingStatus.PROPOSED, RulingStatus.CONFIRMED, RulingStatus.APPLIED)


class QuarantinedAnswer(SQLModel, table=True):
    """What a file in quarantine says of one order. `matched`: it has found its order."""

    __tablename__ = "quarantined_answers"

    message_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True)
    kind: str = Field(sa_type=Text)
    matched: bool
    end_to_end_id: str | None = None
    uetr: UUID | None = None
    original_message_id: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    booked_on: date | None = None
    reason_code: str | None = None
    reason_text: str | None = None
    bank_reference: str | None = None


class Ruling(SQLModel, table=True):
    """One ruling. What it is about never changes: the database refuses it."""

    __tablename__ = "quarantine_rulings"
    __mapper_args__: ClassVar[dict[str, Any]] = {"eager_defaults": True}

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    message_id: UUID
    ruling: str = Field(sa_type=Text)
    position: int | None = None
    wire_id: UUID | None = None
    payment_id: UUID | None = None
    reason: str
    status: str = Field(default=RulingStatus.PROPOSED, sa_type=Text)
    proposed_by: UUID
    proposed_at: datetime | None = Field(
        default=None, sa_type=MOMENT, sa_column_kwargs={"server_default": func.clock_timestamp()}
    )
    decided_by: UUID | None = None
    decided_at: datetime | None = Field(default=None, sa_type=MOMENT)
    decision_reason: str | None = None
    ended_at: datetime | None = Field(default=None, sa_type=MOMENT)


class Assignment(NamedTuple):
    """Which answer of a file (by its place in it) is about which wire, or which payment."""

    position: int
    wire_id: UUID | None = None
    payment_id: UUID | None = None


def answers(message_id: UUID) -> Select[Any]:
    """What a file in quarantine says of orders, in the order of the file."""
    return (
        select(QuarantinedAnswer)
        .where(col(QuarantinedAnswer.message_id) == message_id)
        .order_by(col(QuarantinedAnswer.position))
    )


async def rulings(session: AsyncSession, message_id: UUID) -> Sequence[Ruling]:
    """What was proposed and decided about a file, oldest first."""
    found = await session.execute(
        select(Ruling)
        .where(col(Ruling.message_id) == message_id)
        .order_by(col(Ruling.id))
        .execution_options(populate_existing=True)
    )
    return found.scalars().all()


async def propose_assignment(
    session: AsyncSession, message_id: UUID, person: UUID, assignment: Assignment, reason: str
) -> Ruling:
    """Proposes that an answer of a file is about a wire, or about a payment.

    Raises `NotFound` (file, answer or order), `WrongState` (not in quarantine any more, or the answer has its order),
    `RuleRefused` (it is not read at all), `AnswerDoesNotFit`, `FourEyes` for an order of one's own, and `RulingOpen`.
    """
    message = await _in_quarantine(session, message_id)
    if message.message_type == "unreadable":
        raise RuleRefused("the file breaks its schema; two people decide first whether it is read as it is")
    answer = await _answer(session, message_id, assignment.position)
    if answer.matched:
        raise WrongState("this answer has found its order")
    await _check(session, answer, assignment, person)
    proposed = Ruling(
        message_id=message_id,
        ruling=QuarantineRuling.ASSIGN,
        position=assignment.position,
        wire_id=assignment.wire_id,
        payment_id=assignment.payment_id,
        reason=reason,
        proposed_by=person,
    )
    return await _propose(session, proposed)


async def propose_reading(session: AsyncSession, message_id: UUID, person: UUID, reason: str) -> Ruling:
    """Proposes that a file is read although it breaks the schema of its message.

    Raises `NotFound`, `WrongState`, `RuleRefused` for one that cannot be read at all, and `RulingOpen`.
    """
    message = await _in_quarantine(session, message_id)
    if not message.readable_as_is:
        raise RuleRefused("the file cannot be read as it is; ask the bank for another one")
    return await _propose(
        session,
        Ruling(message_id=message_id, ruling=QuarantineRuling.READ_AS_IS, reason=reason, proposed_by=person),
    )


async def confirm(session: AsyncSession, message_id: UUID, ruling_id: UUID, person: UUID, at: datetime) -> Ruling:
    """A second person agrees: the reader takes the file again, and does what is ruled.

    Raises `NotFound`, `WrongState`, `FourEyes`, and `AnswerDoesNotFit` where the order has moved on meanwhile.
    """
    proposed = await _proposed(session, message_id, ruling_id)
    if proposed.proposed_by == person:
        raise FourEyes("you have proposed this; somebody else confirms it")
    if proposed.position is not None:
        named = Assignment(proposed.position, proposed.wire_id, proposed.payment_id)
        await _check(session, await _answer(session, message_id, proposed.position), named, person)
    await leave_quarantine(session, message_id, "to_read_again", f"two people: {proposed.ruling}, {proposed.reason}")
    proposed.status, proposed.decided_by, proposed.decided_at = RulingStatus.CONFIRMED, person, at
    await session.flush()
    return proposed


async def refuse(
    session: AsyncSession, message_id: UUID, ruling_id: UUID, person: UUID, reason: str, at: datetime
) -> Ruling:
    """A second person disagrees, or the one who proposed it takes it back. Raises `NotFound` and `WrongState`."""
    proposed = await _proposed(session, message_id, ruling_id)
    proposed.status, proposed.decided_by, proposed.decided_at = RulingStatus.REFUSED, person, at
    proposed.decision_reason = reason
    await session.flush()
    return proposed


async def _in_quarantine(session: AsyncSession, message_id: UUID) -> BankMessage:
    message = await quarantined(session, message_id)
    if message.status != "quarantined":
        raise WrongState(f"the file is {message.status}; only one that is quarantined can be ruled about")
    return message


async def _answer(session: AsyncSession, message_id: UUID, position: int) -> QuarantinedAnswer:
    found = await session.execute(answers(message_id).where(col(QuarantinedAnswer.position) == position))
    answer: QuarantinedAnswer | None = found.scalar_one_or_none()
    if answer is None:
        raise NotFound("the file has no such answer")
    return answer


async def _check(session: AsyncSession, answer: QuarantinedAnswer, named: Assignment, person: UUID) -> None:
    order = await _order(session, named)
    if order.user_id == person:
        raise FourEyes(f"you ordered this {'wire' if named.wire_id else 'payment'}; somebody else decides about it")
    amount = None
    if answer.amount_minor is not None and answer.currency is not None:
        amount = answer.amount_minor, answer.currency
    check_assignment(
        AnswerKind(answer.kind),
        amount,
        status=WireStatus(order.status) if isinstance(order, Wire) else PaymentStatus(order.status),
        paid_minor=order.money.paid_minor if isinstance(order, Wire) else order.amount_minor,
        currency=order.currency,
    )
    if named.wire_id and answer.kind in OF_RECALLS and await wires.open_recall(session, named.wire_id) is None:
        raise AnswerDoesNotFit("the wire is not being recalled")


async def _order(session: AsyncSession, named: Assignment) -> Wire | Payment:
    if named.wire_id is not None:
        return await wires.find(session, named.wire_id)
    payment = await payments.find(session, named.payment_id) if named.payment_id else None
    if payment is None:
        raise NotFound("there is no such payment")
    return payment


async def _propose(session: AsyncSession, proposed: Ruling) -> Ruling:
    earlier = [
        one
        for one in await rulings(session, proposed.message_id)
        if one.status in _OPEN and one.position == proposed.position
    ]
    if earlier:
        raise RulingOpen(f"this is {earlier[-1].status} already; read it again")
    session.add(proposed)
    try:
        await session.flush()
    except IntegrityError:
        raise RulingOpen("somebody was quicker; read it again") from None
    return proposed


async def _proposed(session: AsyncSession, message_id: UUID, ruling_id: UUID) -> Ruling:
    """A ruling that waits for its decision, locked after its file, as the reader locks them."""
    await _in_quarantine(session, message_id)
    await session.execute(select(BankMessage.id).where(col(BankMessage.id) == message_id).with_for_update())
    known = [one for one in await rulings(session, message_id) if one.id == ruling_id]
    if not known:
        raise NotFound("nothing like that was proposed about this file")
    if known[0].status != RulingStatus.PROPOSED:
        raise WrongState(f"the ruling is {known[0].status}")
    return known[0]
