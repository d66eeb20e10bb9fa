"""The steps of a recall: the request to the bank written once, its clock, its answers, and what the wire says."""

import hashlib
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.sending import send_once
from activities.wires.desk import WireDesk, tell_staff
from infra.database import transaction
from infra.providers.bank import build_camt056
from infra.settings import BankProfile
from models.bank import AnswerKind, CancellationRequest, UnwritableMessage
from models.calendars import Hours, business_day_after
from models.tables import notifications, wires
from models.tables.wires import Wire, WireRecall, locked_recall
from models.wires import WireStatus
from models.wires.orders import order_references
from models.wires.recalls import (
    AGAIN_DAYS,
    DUE_DAYS,
    OPEN_RECALL,
    REMIND_DAYS,
    RecallReason,
    RecallState,
    RecallStatus,
    RecallStep,
    recall_references,
)

MESSAGE_TYPE: Final = "camt.056.001.08"
_S = RecallStatus
# The order itself has to be at the bank before it can be asked back: looked at again after that long.
_ORDER_SOON_SECONDS: Final = 15
_ORDER: Final = text(
    "SELECT message_id, message_type, status FROM bank_messages"
    " WHERE wire_id = :wire_id AND direction = 'outbound' AND recall_id IS NULL AND NOT inquiry"
)
_REQUEST: Final = text(
    "SELECT id, message_id, status FROM bank_messages WHERE recall_id = :id AND direction = 'outbound'"
)
_ANSWERS: Final = text(
    "SELECT id, kind, reason_code, reason_text FROM bank_answers"
    " WHERE recall_id = :id AND applied_at IS NULL ORDER BY id"
)
# What the customer reads of each step.
_NOTICE: Final = {
    _S.SENT: ("We have asked for your wire back", "The bank of the recipient decides about it; this can take weeks."),
    _S.ACCEPTED: ("Your wire is coming back", "The other bank has agreed. We tell you when the money is there."),
    _S.REFUSED: ("Your wire is not given back", "The bank of the recipient has refused. The wire stays paid."),
    _S.RETURNED: (
        "Your recalled wire came back",
        "What came back is on your account. Banks on the way may have kept charges.",
    ),
    _S.STOPPED: ("Your wire was stopped", "It had not been paid yet. The amount is available to you again."),
    _S.FAILED: ("Your recall could not be handed over", "We ask the other bank in another way and come back to you."),
}


class RecallSteps:
    """The steps of a recall. Each locks the wire first and then the recall, and answers with where it stands."""

    def __init__(self, desk: WireDesk) -> None:
        self._desk = desk

    @activity.defn(name="recall.review")
    async def review(self, step: RecallStep) -> RecallState:
        """Does what is due: follows the wire, applies the bank's answers, writes the request, reminds operations."""
        async with transaction(self._desk.engine) as session:
            wire = await wires.locked(session, step.wire_id)
            recall = await locked_recall(session, step.recall_id)
            if recall.status in OPEN_RECALL:
                await self._apply_answers(session, wire, recall, step.at)
            if recall.status in OPEN_RECALL:
                await self._follow_wire(session, wire, recall, step.at)
            if recall.status == _S.REQUESTED:
                await self._write(session, wire, recall, step.at)
            if recall.status in {_S.SENT, _S.ACCEPTED}:
                await self._keep_time(session, wire, recall, step.at)
            return await self._state(session, wire, recall, step.at)

    @activity.defn(name="recall.send")
    async def send(self, step: RecallStep) -> RecallState:
        """Puts the request into the bank's folder, exactly once, and starts the clock of its answer."""
        async with transaction(self._desk.engine) as session:
            request = (await session.execute(_REQUEST, {"id": step.recall_id})).one()

        async def sent(session: AsyncSession, file: str) -> None:
            wire = await wires.find(session, step.wire_id)
            recall = await locked_recall(session, step.recall_id)
            hours = await self._desk.rail_hours(session, wire.currency)
            recall.sent_at = step.at
            recall.remind_at, recall.due_at = _after(hours, step.at, REMIND_DAYS), _after(hours, step.at, DUE_DAYS)
            await self._move(session, wire, recall, _S.SENT, step.at, data={"file": file})

        await send_once(self._desk.engine, self._desk.channel, request.id, sent)
        async with transaction(self._desk.engine) as session:
            wire = await wires.find(session, step.wire_id)
            return await self._state(session, wire, await locked_recall(session, step.recall_id), step.at)

    async def _apply_answers(self, session: AsyncSession, wire: Wire, recall: WireRecall, at: datetime) -> None:
        for answer in (await session.execute(_ANSWERS, {"id": recall.id})).all():
            await self._apply(session, wire, recall, answer, at)
            await session.execute(
                text("UPDATE bank_answers SET applied_at = clock_timestamp() WHERE id = :id"), {"id": answer.id}
            )

    async def _apply(self, session: AsyncSession, wire: Wire, recall: WireRecall, answer: Any, at: datetime) -> None:
        after = {
            AnswerKind.RECALL_ACCEPTED: _S.ACCEPTED,
            AnswerKind.RECALL_REFUSED: _S.REFUSED,
            # The bank could not take the request itself: nobody has decided about it.
            AnswerKind.REJECTED: _S.FAILED,
            AnswerKind.CANCELLED: _S.FAILED,
        }.get(answer.kind)
        if after is None or recall.status not in OPEN_RECALL or after == recall.status:
            return
        if recall.status == _S.ACCEPTED and after is _S.FAILED:
            return
        recall.answer_code, recall.answer_text = answer.reason_code, answer.reason_text
        await self._move(session, wire, recall, after, at, actor="bank", data={"reason_code": answer.reason_code})

    async def _follow_wire(self, session: AsyncSession, wire: Wire, recall: WireRecall, at: datetime) -> None:
        # The money is the wire's matter: its own process posts what came back, or releases the hold.
        ended = {WireStatus.RETURNED: _S.RETURNED, WireStatus.FAILED: _S.STOPPED}.get(WireStatus(wire.status))
        if ended is not None:
            await self._move(session, wire, recall, ended, at)

    async def _write(self, session: AsyncSession, wire: Wire, recall: WireRecall, at: datetime) -> None:
        order = (await session.execute(_ORDER, {"wire_id": wire.id})).one()
        written = (await session.execute(_REQUEST, {"id": recall.id})).one_or_none()
        if written is not None or order.status != "sent":
            return
        try:
            content = self._request(wire, recall, order, at)
        except (UnwritableMessage, ValueError) as error:
            recall.answer_code, recall.answer_text = "unwritable_message", str(error)[:500]
            await self._move(session, wire, recall, _S.FAILED, at)
            return
        message_id, _ = recall_references(recall.id)
        await session.execute(
            text(
                "INSERT INTO bank_messages (wire_id, recall_id, direction, message_type, message_id, file_name, sha256,"
                " content, status) VALUES (:wire_id, :recall_id, 'outbound', :type, :message_id, :file_name, :sha256,"
                " :content, 'prepared')"
            ),
            {
                "wire_id": wire.id,
                "recall_id": recall.id,
                "type": MESSAGE_TYPE,
                "message_id": message_id,
                "file_name": f"{message_id}.xml",
                "sha256": hashlib.sha256(content).digest(),
                "content": content,
            },
        )

    def _request(self, wire: Wire, recall: WireRecall, order: Any, at: datetime) -> bytes:
        message_id, case_id = recall_references(recall.id)
        _, instruction_id, end_to_end_id = order_references(wire.id, wire.uetr)
        request = CancellationRequest(
            message_id=message_id,
            case_id=case_id,
            created_at=at.astimezone(UTC).replace(microsecond=0),
            sender=self._desk.bank_bic,
            receiver=self._desk.correspondent_bic,
            original_message_id=order.message_id,
            original_message_type=order.message_type,
            instruction_id=instruction_id,
            end_to_end_id=end_to_end_id,
            uetr=str(wire.uetr),
            amount_minor=wire.money.paid_minor,
            currency=wire.currency,
            settlement_date=wire.value_date or at.date(),
            reason=recall.reason,
            comment=recall.comment,
        )
        return build_camt056(request, header=self._desk.profile is BankProfile.SWIFT)

    async def _keep_time(self, session: AsyncSession, wire: Wire, recall: WireRecall, at: datetime) -> None:
        hours = await self._desk.rail_hours(session, wire.currency)
        while (mark := self._next_mark(hours, recall)) is not None and mark <= at:
            recall.reminders += 1
            due = recall.due_at is not None and mark >= recall.due_at
            event = "recall_overdue" if due else "recall_reminded"
            await session.flush()
            await wires.tell(
                session, wire, event, step=f"recall/{recall.id}/{recall.reminders}", data={"reminder": recall.reminders}
            )
            await tell_staff(
                session,
                wire,
                permission="admin:system",
                event=f"wire.{event}/{recall.id}/{recall.reminders}",
                subject="A bank has not answered a recall in time" if due else "A bank has not answered a recall yet",
            )
            if recall.due_at == mark:
                await self._tell_customer(
                    session,
                    wire,
                    recall,
                    "overdue",
                    "No answer to your recall yet",
                    "The other bank has not answered in its time. We have taken it up with them and go on asking.",
                )

    def _next_mark(self, hours: Hours, recall: WireRecall) -> datetime | None:
        """When operations are told next: near the end of the time, at its end, and every week after it."""
        if recall.remind_at is None or recall.due_at is None:
            return None
        if recall.reminders < 2:
            return (recall.remind_at, recall.due_at)[recall.reminders]
        return _after(hours, recall.due_at, AGAIN_DAYS * (recall.reminders - 1))

    async def _move(
        self,
        session: AsyncSession,
        wire: Wire,
        recall: WireRecall,
        after: RecallStatus,
        at: datetime,
        *,
        actor: str = "process",
        data: dict[str, Any] | None = None,
    ) -> None:
        recall.status = after
        if after not in OPEN_RECALL:
            recall.ended_at = at
        await session.flush()
        told = {"reason": recall.reason} | (data or {})
        await wires.tell(session, wire, f"recall_{after}", actor=actor, step=f"recall/{recall.id}/{after}", data=told)
        subject, body = _NOTICE[after]
        await self._tell_customer(session, wire, recall, after, subject, body)
        if after in {_S.REFUSED, _S.FAILED}:
            await tell_staff(
                session,
                wire,
                permission="wires:approve",
                event=f"wire.recall_{after}/{recall.id}",
                subject="A recall was refused" if after is _S.REFUSED else "A recall could not be handed to the bank",
            )

    async def _tell_customer(
        self, session: AsyncSession, wire: Wire, recall: WireRecall, event: str, subject: str, body: str
    ) -> None:
        reason = f"\nReason: {recall.answer_text or recall.answer_code}" if recall.answer_code else ""
        await notifications.tell(
            session,
            user_id=wire.user_id,
            key=f"wire-recall/{recall.id}/{event}",
            event=f"wire.recall_{event}",
            subject=subject,
            body=f"{body}{reason}\n\nWire {wire.end_to_end_id}\n",
        )

    async def _state(self, session: AsyncSession, wire: Wire, recall: WireRecall, at: datetime) -> RecallState:
        request = (await session.execute(_REQUEST, {"id": recall.id})).one_or_none()
        look_again_at = None
        if recall.status == _S.REQUESTED and request is None:
            look_again_at = datetime.fromtimestamp(at.timestamp() + _ORDER_SOON_SECONDS, UTC)
        elif recall.status in OPEN_RECALL:
            look_again_at = self._next_mark(await self._desk.rail_hours(session, wire.currency), recall)
        return RecallState(
            recall_id=recall.id,
            status=_S(recall.status),
            reason=RecallReason(recall.reason),
            wire_status=WireStatus(wire.status),
            amount_minor=wire.amount_minor,
            currency=wire.currency,
            to_send=recall.status == _S.REQUESTED and request is not None,
            message_id=request.message_id if request else None,
            due_at=recall.due_at,
            look_again_at=look_again_at,
            answer_code=recall.answer_code,
        )


def _after(hours: Hours, at: datetime, days: int) -> datetime:
    """When `days` whole business days after the day of `at` are over."""
    return hours.opening(business_day_after(hours, hours.business_day(at), days + 1))
