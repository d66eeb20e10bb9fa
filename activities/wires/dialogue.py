"""What a wire's review does beside the clock: questions and answers are told, the time they took is given back to the
desk, and nobody who is away keeps a wire.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from activities.wires.desk import tell_staff
from models.auth import permissions_of
from models.calendars import Hours
from models.tables import notifications, wires
from models.tables.wires import Wire
from models.tables.wires.call_backs import call_backs
from models.wires.call_backs import CallResult


async def tell_of_questions(session: AsyncSession, wire: Wire) -> None:
    """Tells the customer of each question and the desk of each answer, once."""
    for asked in await wires.questions(session, wire.id):
        await notifications.tell(
            session,
            user_id=wire.user_id,
            key=f"wire/{wire.id}/question/{asked.round}",
            event="wire.info_requested",
            subject="We have a question about your wire",
            body=f"{asked.question}\n\nYour wire waits for your answer, and is not carried out before it."
            f"\n\nWire {wire.end_to_end_id}\n",
        )
        if asked.answer is not None:
            await tell_staff(
                session,
                wire,
                permission="wires:approve",
                event=f"wire.info_given/{asked.round}",
                subject="A customer has answered about a wire",
            )


async def tell_of_denial(session: AsyncSession, wire: Wire) -> None:
    """Tells the senior officers, once, that a customer did not order a wire: their account is in somebody's hands."""
    if any(call.result == CallResult.DENIED for call in await call_backs(session, wire.id)):
        await tell_staff(
            session,
            wire,
            permission="wires:high_value",
            event="wire.denied",
            subject="A customer says by telephone that they did not order a wire",
            then="Reject it, freeze the customer's access, and look at what else was ordered. The wire",
        )


async def credit_answers(session: AsyncSession, wire: Wire, hours: Hours) -> None:
    """Moves the marks of the desk's clock that are still to come by the business time that each answer took, up to the
    hard stop."""
    for asked in await wires.questions(session, wire.id):
        if asked.answered_at is None or asked.credited_at is not None:
            continue
        assert wire.sla_remind_at is not None
        assert wire.sla_escalate_at is not None
        assert wire.sla_deadline is not None
        wire.sla_remind_at = _moved(wire, wire.sla_remind_at, asked, hours)
        wire.sla_escalate_at = _moved(wire, wire.sla_escalate_at, asked, hours)
        wire.sla_deadline = _moved(wire, wire.sla_deadline, asked, hours)
        await session.execute(
            text("UPDATE wire_questions SET credited_at = clock_timestamp() WHERE wire_id = :id AND round = :round"),
            {"id": wire.id, "round": asked.round},
        )
    await session.flush()


def _moved(wire: Wire, mark: datetime, asked: Any, hours: Hours) -> datetime:
    # What had passed before the question was asked has been told.
    if mark <= asked.asked_at:
        return mark
    moved = hours.add(mark, hours.between(asked.asked_at, asked.answered_at))
    return min(moved, wire.sla_hard_stop or moved)


async def drop_absent_assignee(session: AsyncSession, wire: Wire) -> None:
    """Gives a wire back to the desk, and tells it, when whoever looks after it cannot decide any more: frozen, gone, or
    without the right to approve; or away, with the right lent to somebody else."""
    if wire.assignee is None:
        return
    person = (
        await session.execute(
            text(
                "SELECT role, preset, permissions, status = 'active' AND deleted_at IS NULL AS active, EXISTS (SELECT"
                " FROM approver_delegations d WHERE d.delegator = u.id AND d.starts_at <= clock_timestamp()"
                " AND least(d.ends_at, d.ended_at) > clock_timestamp()) AS away FROM users u WHERE id = :id"
            ),
            {"id": wire.assignee},
        )
    ).one()
    may = "wires:approve" in permissions_of(person.role, person.preset, person.permissions)
    if person.active and may and not person.away:
        return
    absent, wire.assignee, wire.claimed_at = wire.assignee, None, None
    await session.flush()
    await wires.tell(session, wire, "given_back", data={"absent": absent})
    await tell_staff(
        session,
        wire,
        permission="wires:approve",
        event=f"wire.unattended/{absent}",
        subject="A wire is waiting for approval, and whoever looked after it is away",
    )
