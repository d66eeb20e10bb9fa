"""The steps of a case in which another bank asks for money back: its clock, and the answer written once."""

import hashlib
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select
from temporalio import activity

from activities.sending import send_once
from activities.wires.desk import WireDesk
from infra.database import transaction
from infra.providers.bank import build_camt029
from infra.settings import BankProfile
from models.bank import UnwritableMessage
from models.bank_cancellations import (
    AGAIN_DAYS,
    DUE_DAYS,
    REMIND_DAYS,
    CancellationState,
    CancellationStep,
    Outcome,
    Resolution,
    answer_references,
)
from models.calendars import Hours, business_day_after
from models.tables.bank_cancellations import BankCancellation, find_case
from models.tables.notifications import tell_operations

MESSAGE_TYPE: Final = "camt.029.001.09"
# The calendar by which an answer is due where the request names no currency.
_CURRENCY: Final = "EUR"
_CONFIRMED: Final = text(
    "SELECT id, outcome, reason_code, comment FROM bank_cancellation_answers"
    " WHERE cancellation_id = :id AND status = 'confirmed'"
)
_WRITTEN: Final = text("SELECT id FROM bank_messages WHERE cancellation_answer_id = :id")
_WRITE: Final = text(
    "INSERT INTO bank_messages (cancellation_answer_id, direction, message_type, message_id, file_name, sha256,"
    " content, status) VALUES (:answer_id, 'outbound', :type, :message_id, :file_name, :sha256, :content, 'prepared')"
)
_UNWRITABLE: Final = text("UPDATE bank_cancellation_answers SET status = 'unwritable' WHERE id = :id")
_SENT: Final = text(
    "UPDATE bank_cancellation_answers SET status = 'sent', sent_at = :at WHERE id = :id AND status = 'confirmed'"
    " RETURNING cancellation_id, outcome"
)


class CancellationSteps:
    """The steps of a case. Each locks its row, and answers with where it stands."""

    def __init__(self, desk: WireDesk) -> None:
        self._desk = desk

    @activity.defn(name="bank_cancellation.review")
    async def review(self, step: CancellationStep) -> CancellationState:
        """Does what is due: tells operations of the case, writes what two people have decided, reminds of the rest."""
        async with transaction(self._desk.engine) as session:
            case = await self._locked(session, step.cancellation_id)
            if case.status == "open":
                hours = await self._desk.rail_hours(session, case.currency or _CURRENCY)
                if case.due_at is None:
                    case.remind_at, case.due_at = _after(hours, step.at, REMIND_DAYS), _after(hours, step.at, DUE_DAYS)
                    await self._tell(session, case, "asked", "Another bank asks for money back")
                await self._write(session, case, step.at)
                await self._keep_time(session, case, hours, step.at)
            await session.flush()
            return await self._state(session, case)

    @activity.defn(name="bank_cancellation.send")
    async def send(self, step: CancellationStep) -> CancellationState:
        """Puts the answer into the bank's folder, exactly once. Unless it says that it is pending, it ends the case."""
        async with transaction(self._desk.engine) as session:
            answer = (await session.execute(_CONFIRMED, {"id": step.cancellation_id})).one_or_none()
            message = await self._message(session, answer.id) if answer is not None else None

        async def sent(session: AsyncSession, _file: str) -> None:
            assert answer is not None
            case = await self._locked(session, step.cancellation_id)
            said = (await session.execute(_SENT, {"id": answer.id, "at": step.at})).one()
            if said.outcome != Outcome.PENDING:
                case.status, case.ended_at = "answered", step.at

        if message is not None:
            await send_once(self._desk.engine, self._desk.channel, message, sent)
        async with transaction(self._desk.engine) as session:
            return await self._state(session, await find_case(session, step.cancellation_id))

    async def _locked(self, session: AsyncSession, case_id: UUID) -> BankCancellation:
        await session.execute(select(BankCancellation.id).where(col(BankCancellation.id) == case_id).with_for_update())
        return await find_case(session, case_id)

    async def _message(self, session: AsyncSession, answer_id: UUID) -> UUID | None:
        found: UUID | None = (await session.execute(_WRITTEN, {"id": answer_id})).scalar_one_or_none()
        return found

    async def _write(self, session: AsyncSession, case: BankCancellation, at: datetime) -> None:
        answer = (await session.execute(_CONFIRMED, {"id": case.id})).one_or_none()
        if answer is None or await self._message(session, answer.id) is not None:
            return
        message_id, _ = answer_references(answer.id)
        try:
            resolution = self._resolution(case, answer, at)
            content = build_camt029(resolution, header=self._desk.profile is BankProfile.SWIFT)
        except (UnwritableMessage, ValueError) as error:
            await session.execute(_UNWRITABLE, {"id": answer.id})
            subject = "An answer to a bank cannot be written"
            await self._tell(session, case, f"unwritable/{answer.id}", subject, f"{error}"[:500])
            return
        values = {
            "answer_id": answer.id,
            "type": MESSAGE_TYPE,
            "message_id": message_id,
            "file_name": f"{message_id}.xml",
            "sha256": hashlib.sha256(content).digest(),
            "content": content,
        }
        await session.execute(_WRITE, values)

    def _resolution(self, case: BankCancellation, answer: Any, at: datetime) -> Resolution:
        message_id, status_id = answer_references(answer.id)
        return Resolution(
            message_id=message_id,
            status_id=status_id,
            created_at=at.astimezone(UTC).replace(microsecond=0),
            sender=self._desk.bank_bic,
            receiver=case.assigner or self._desk.correspondent_bic,
            asked=case.asked,
            outcome=Outcome(answer.outcome),
            reason_code=answer.reason_code,
            comment=answer.comment,
        )

    async def _keep_time(self, session: AsyncSession, case: BankCancellation, hours: Hours, at: datetime) -> None:
        while (mark := _next_mark(case, hours)) is not None and mark <= at:
            overdue = case.due_at is not None and mark >= case.due_at
            case.reminders += 1
            subject = "Another bank waits for an answer, which is overdue" if overdue else "Another bank still waits"
            await self._tell(session, case, f"reminded/{case.reminders}", subject)

    async def _tell(
        self, session: AsyncSession, case: BankCancellation, event: str, subject: str, more: str = ""
    ) -> None:
        lines = [f"{subject}.", *([more] if more else []), "", "Two people answer it in the console, under Requests."]
        await tell_operations(
            session,
            key=f"bank-cancellation/{case.id}/{event}",
            event="operations.cancellation",
            subject=subject,
            body="\n".join(lines) + "\n",
        )

    async def _state(self, session: AsyncSession, case: BankCancellation) -> CancellationState:
        hours = await self._desk.rail_hours(session, case.currency or _CURRENCY)
        answer = (await session.execute(_CONFIRMED, {"id": case.id})).one_or_none()
        is_open = case.status == "open"
        return CancellationState(
            cancellation_id=case.id,
            ended=not is_open,
            about=case.about,
            reason_code=case.reason_code,
            to_send=await self._message(session, answer.id) if answer is not None and is_open else None,
            due_at=case.due_at,
            look_again_at=_next_mark(case, hours) if is_open else None,
        )


def _next_mark(case: BankCancellation, hours: Hours) -> datetime | None:
    """When operations are told next: near the end of the time, at its end, and every week after it."""
    if case.remind_at is None or case.due_at is None:
        return None
    if case.reminders < 2:
        return (case.remind_at, case.due_at)[case.reminders]
    return _after(hours, case.due_at, AGAIN_DAYS * (case.reminders - 1))


def _after(hours: Hours, at: datetime, days: int) -> datetime:
    """When `days` whole business days after the day of `at` are over."""
    return hours.opening(business_day_after(hours, hours.business_day(at), days + 1))
