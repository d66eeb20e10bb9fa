"""What other banks ask back, as it is kept, and what people answer: proposed by one, confirmed by another."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from sqlalchemy import DateTime, Select, Text, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, func, select
from uuid_utils.compat import uuid7

from models.bank_cancellations import (
    WORKFLOW,
    About,
    AnswerOpen,
    CancellationStart,
    Outcome,
    check_answer,
)
from models.bank_investigations import AskedBack
from models.errors import FourEyes, NotFound, WrongState
from models.payments import PaymentStatus
from models.tables import payments, wires
from models.tables.outbox import enqueue
from models.wires import WireStatus

MOMENT = DateTime(timezone=True)
_WIRE: Final = text(
    "SELECT id FROM wire_transfers WHERE uetr = CAST(:uetr AS uuid) OR end_to_end_id = :end_to_end_id LIMIT 2"
)
_CREDIT: Final = text(
    "SELECT DISTINCT a.message_id FROM quarantined_answers a JOIN bank_messages m ON m.id = a.message_id"
    " WHERE a.kind = 'received' AND NOT a.matched AND m.status IN ('quarantined', 'to_read_again')"
    " AND (a.uetr = CAST(:uetr AS uuid) OR a.end_to_end_id = :end_to_end_id) LIMIT 2"
)
_PAYMENT: Final = text(
    "SELECT id FROM payments WHERE uetr = CAST(:uetr AS uuid) OR end_to_end_id = :end_to_end_id LIMIT 2"
)
_REPEATS: Final = text(
    "SELECT EXISTS (SELECT FROM bank_cancellations WHERE status = 'open' AND message_id <> :message_id"
    " AND (uetr = CAST(:uetr AS uuid) OR end_to_end_id = :end_to_end_id AND case_id = :case_id))"
)
_OPEN_CASE: Final = text(
    "INSERT INTO bank_cancellations (id, message_id, position, assignment_id, case_id, assigner, original_message_id,"
    " original_message_type, instruction_id, end_to_end_id, transaction_id, uetr, amount_minor, currency, settled_on,"
    " reason_code, reason_text, wire_id, payment_id, credit_message_id) VALUES (:id, :message_id, :position,"
    " :assignment_id, :case_id, :assigner, :original_message_id, :original_message_type, :instruction_id,"
    " :end_to_end_id, :transaction_id, CAST(:uetr AS uuid), :amount_minor, :currency, :settled_on, :reason_code,"
    " :reason_text, :wire_id, :payment_id, :credit_message_id)"
    " ON CONFLICT (message_id, position) DO NOTHING RETURNING id"
)


class BankCancellation(SQLModel, table=True):
    """One payment that a bank asks back. What it is about never changes: the database refuses it."""

    __tablename__ = "bank_cancellations"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    message_id: UUID
    position: int
    assignment_id: str
    case_id: str | None = None
    assigner: str | None = None
    original_message_id: str | None = None
    original_message_type: str | None = None
    instruction_id: str | None = None
    end_to_end_id: str | None = None
    transaction_id: str | None = None
    uetr: UUID | None = None
    amount_minor: int | None = None
    currency: str | None = None
    settled_on: date | None = None
    reason_code: str | None = None
    reason_text: str | None = None
    wire_id: UUID | None = None
    payment_id: UUID | None = None
    credit_message_id: UUID | None = None
    status: str = Field(default="open", sa_type=Text)
    remind_at: datetime | None = Field(default=None, sa_type=MOMENT)
    due_at: datetime | None = Field(default=None, sa_type=MOMENT)
    reminders: int = 0
    received_at: datetime | None = Field(default=None, sa_type=MOMENT)
    ended_at: datetime | None = Field(default=None, sa_type=MOMENT)

    @property
    def about(self) -> About:
        """What the request is about, as far as we know."""
        if self.wire_id is not None:
            return About.WIRE
        if self.payment_id is not None:
            return About.PAYMENT
        return About.CREDIT if self.credit_message_id is not None else About.UNKNOWN

    @property
    def asked(self) -> AskedBack:
        """The request as it came."""
        facts = self.model_dump(include=set(AskedBack.model_fields))
        return AskedBack(**facts | {"uetr": None if self.uetr is None else str(self.uetr)})


class CancellationAnswer(SQLModel, table=True):
    """One answer to it."""

    __tablename__ = "bank_cancellation_answers"
    __mapper_args__: ClassVar[dict[str, Any]] = {"eager_defaults": True}

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    cancellation_id: UUID
    outcome: str
    reason_code: str | None = None
    comment: str = ""
    reason: str
    status: str = Field(default="proposed", sa_type=Text)
    proposed_by: UUID
    proposed_at: datetime | None = Field(
        default=None, sa_type=MOMENT, sa_column_kwargs={"server_default": func.clock_timestamp()}
    )
    decided_by: UUID | None = None
    decided_at: datetime | None = Field(default=None, sa_type=MOMENT)
    sent_at: datetime | None = Field(default=None, sa_type=MOMENT)


async def open_cases(session: AsyncSession, message_id: UUID, requests: Sequence[AskedBack]) -> list[str]:
    """Opens a case for each payment that a message asks back, and starts its process. For the worker's role.

    Gives what a person has to look at instead: what an open case asks back already, since a bank asks once.
    """
    strange = []
    for position, asked in enumerate(requests):
        named = asked.model_dump()
        if (await session.execute(_REPEATS, named | {"message_id": message_id})).scalar_one():
            strange.append(f"asked back already: {asked.uetr or asked.end_to_end_id}")
            continue
        wires_named = (await session.execute(_WIRE, named)).scalars().all()
        payments_named = (await session.execute(_PAYMENT, named)).scalars().all()
        credits_named = (await session.execute(_CREDIT, named)).scalars().all()
        orders = len(wires_named) + len(payments_named)
        about = {
            # Of two that are named, neither is meant for sure.
            "wire_id": wires_named[0] if wires_named and orders == 1 else None,
            "payment_id": payments_named[0] if payments_named and orders == 1 else None,
            "credit_message_id": credits_named[0] if len(credits_named) == 1 and not orders else None,
        }
        values = named | about | {"id": uuid7(), "message_id": message_id, "position": position}
        opened = (await session.execute(_OPEN_CASE, values)).scalar_one_or_none()
        if opened is not None:
            await wake(session, opened, asked.reason_code)
    return strange


async def wake(session: AsyncSession, case_id: UUID, reason_code: str | None, *, request_id: str | None = None) -> None:
    """Says to the case's process that something has changed."""
    await enqueue(
        session,
        workflow=WORKFLOW,
        workflow_id=f"{WORKFLOW}/{case_id}",
        argument=CancellationStart(cancellation_id=case_id).model_dump(mode="json"),
        summary=reason_code or "no reason given",
        request_id=request_id,
    )


def cases(statuses: Sequence[str]) -> Select[Any]:
    """The cases of those statuses."""
    return select(BankCancellation).where(col(BankCancellation.status).in_(statuses))


async def find_case(session: AsyncSession, case_id: UUID) -> BankCancellation:
    """A case. Raises `NotFound`."""
    found = await session.execute(
        select(BankCancellation).where(col(BankCancellation.id) == case_id).execution_options(populate_existing=True)
    )
    case: BankCancellation | None = found.scalar_one_or_none()
    if case is None:
        raise NotFound("no bank asks for that")
    return case


async def answers(session: AsyncSession, case_id: UUID) -> Sequence[CancellationAnswer]:
    """What was proposed and decided, oldest first."""
    found = await session.execute(
        select(CancellationAnswer)
        .where(col(CancellationAnswer.cancellation_id) == case_id)
        .order_by(col(CancellationAnswer.id))
        .execution_options(populate_existing=True)
    )
    return found.scalars().all()


async def propose(session: AsyncSession, answer: CancellationAnswer) -> CancellationAnswer:
    """Proposes what a bank is answered.

    Raises `NotFound`, `WrongState` (answered), `OutcomeNotTrue`, `FourEyes` for an order of one's own, and
    `AnswerOpen`.
    """
    case = await find_case(session, answer.cancellation_id)
    await _check(session, case, answer, answer.proposed_by)
    session.add(answer)
    try:
        await session.flush()
    except IntegrityError:
        raise AnswerOpen("an answer is proposed or decided already; read the case again") from None
    return answer


async def confirm(
    session: AsyncSession, case_id: UUID, answer_id: UUID, person: UUID, at: datetime, *, request_id: str | None
) -> None:
    """A second person agrees, and the process writes the answer to the bank.

    Raises `NotFound`, `WrongState`, `FourEyes`, and `OutcomeNotTrue` where it is not true any more.
    """
    case = await find_case(session, case_id)
    answer = await _proposed(session, case_id, answer_id)
    if answer.proposed_by == person:
        raise FourEyes("you have proposed this answer; somebody else confirms it")
    await _check(session, case, answer, person)
    answer.status, answer.decided_by, answer.decided_at = "confirmed", person, at
    await session.flush()
    await wake(session, case_id, case.reason_code, request_id=request_id)


async def refuse(session: AsyncSession, case_id: UUID, answer_id: UUID, person: UUID, at: datetime) -> None:
    """A second person disagrees, or whoever proposed the answer takes it back. Raises `NotFound` and `WrongState`."""
    answer = await _proposed(session, case_id, answer_id)
    answer.status, answer.decided_by, answer.decided_at = "refused", person, at
    await session.flush()


async def _check(session: AsyncSession, case: BankCancellation, answer: CancellationAnswer, person: UUID) -> None:
    if case.status != "open":
        raise WrongState("the bank has had its answer")
    status: WireStatus | PaymentStatus | None = None
    owner = None
    if case.wire_id is not None:
        wire = await wires.find(session, case.wire_id)
        status, owner = WireStatus(wire.status), wire.user_id
    elif case.payment_id is not None:
        payment = await payments.find(session, case.payment_id)
        if payment is None:
            raise NotFound("there is no such payment")
        status, owner = PaymentStatus(payment.status), payment.user_id
    if owner == person:
        raise FourEyes(f"you ordered this {case.about}; somebody else answers")
    check_answer(Outcome(answer.outcome), answer.reason_code, case.about, status)


async def _proposed(session: AsyncSession, case_id: UUID, answer_id: UUID) -> CancellationAnswer:
    found = [one for one in await answers(session, case_id) if one.id == answer_id]
    if not found:
        raise NotFound("no such answer was proposed")
    locked = await session.execute(
        select(CancellationAnswer.id)
        .where(col(CancellationAnswer.id) == answer_id, col(CancellationAnswer.status) == "proposed")
        .with_for_update()
    )
    if locked.scalar_one_or_none() is None:
        raise WrongState("the answer was decided already; read the case again")
    return found[0]
