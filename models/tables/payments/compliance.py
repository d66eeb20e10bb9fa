"""What officers of the compliance desk rule about a payment that screening has blocked (decision 0052).

Each act is one transaction of the caller: the row is locked, the rule is asked, and the ruling, the new status, the
money, the timeline and the outbox row are written together (design §1). A ruling is proposed by one officer and
confirmed by another one, by asking for the same; whoever asks for the other thing withdraws it and proposes that. The
database refuses whatever is refused here (`app.guard_payment_ruling`, `app.guard_cleared_payment`).
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, func, select
from uuid_utils.compat import uuid7

from models.errors import AlreadyDecided, FourEyes, NotFound, WrongState
from models.money import written
from models.payments import PAYMENT, PAYMENT_RULING, PaymentStatus
from models.screening import Hit
from models.tables import ledger
from models.tables.outbox import enqueue
from models.tables.payments.rows import Payment, find, locked, tell
from models.tables.wires.compliance import Ruler
from models.wires.compliance import Ruling, SeniorNeeded

# As for a similar name, which nobody looks at on this rail: a wire is looked at by people.
NOT_ON_THIS_RAIL: Final = ("not_on_this_rail", "it cannot be sent by this rail; you can order it as a wire")
_KEEP: Final = text(
    "INSERT INTO payment_hits (payment_id, maker_id, list, entry_id, entry_hash, list_version, field, matched, score,"
    " verdict, parts) VALUES (:payment_id, :maker_id, :list, :entry_id, :entry_hash, :list_version, :field, :matched,"
    " :score, :verdict, CAST(:parts AS jsonb)) ON CONFLICT DO NOTHING"
)
_FINDINGS: Final = text(
    "SELECT h.*, (SELECT e.content FROM sanctions_entries e WHERE e.list = h.list AND e.id = h.entry_id"
    " AND e.hash = h.entry_hash LIMIT 1) AS listed FROM payment_hits h WHERE h.payment_id = ANY(:payments)"
    " ORDER BY h.score DESC, h.id"
)
_RULINGS: Final = text("SELECT * FROM payment_rulings WHERE payment_id = ANY(:payments) ORDER BY proposed_at, id")
_PROPOSE: Final = text(
    "INSERT INTO payment_rulings (id, payment_id, maker_id, ruling, reason, proposed_by, proposed_senior)"
    " VALUES (:id, :payment_id, :maker_id, :ruling, :reason, :officer, :senior)"
)
_WITHDRAW: Final = text(
    "UPDATE payment_rulings SET withdrawn_by = :officer, withdrawn_at = clock_timestamp() WHERE id = :id"
)
_CONFIRM: Final = text(
    "UPDATE payment_rulings SET confirmed_by = :officer, confirmed_senior = :senior, confirmed_at = clock_timestamp()"
    " WHERE id = :id"
)
_SAME_EYES: Final = text(
    "SELECT app.same_eyes(:one, :other, clock_timestamp()) OR app.same_eyes(:one, :other, :at)"
    " OR app.same_eyes(:maker, :other, clock_timestamp())"
)


async def keep_hits(session: AsyncSession, payment: Payment, hits: Sequence[Hit]) -> None:
    """Keeps what a payment is blocked for, each hit once. For the worker's role."""
    for hit in hits:
        values = {
            "payment_id": payment.id,
            "maker_id": payment.user_id,
            "list": hit.list,
            "entry_id": hit.entry_id,
            "entry_hash": hit.entry_hash,
            "list_version": hit.list_version,
            "field": hit.field,
            "matched": hit.matched,
            "score": hit.score,
            "verdict": hit.verdict,
            "parts": json.dumps(hit.parts),
        }
        await session.execute(_KEEP, values)


async def blocked(session: AsyncSession, officer: UUID, *, limit: int, offset: int) -> tuple[Sequence[Payment], int]:
    """The payments that are blocked, except the officer's own, the longest blocked first; and how many there are."""
    waiting = (col(Payment.status) == PaymentStatus.BLOCKED, col(Payment.user_id) != officer)
    chosen = select(Payment).where(*waiting).order_by(col(Payment.ended_at), col(Payment.id))
    rows = (await session.execute(chosen.limit(limit).offset(offset))).scalars().all()
    total = await session.execute(select(func.count()).select_from(Payment).where(*waiting))
    return rows, total.scalar_one()


async def findings(session: AsyncSession, payments: Sequence[UUID]) -> Sequence[Any]:
    """What payments were blocked for, strongest first, with the entry as its list had it (`listed`). Nothing for one
    that was blocked before findings were kept."""
    return (await session.execute(_FINDINGS, {"payments": list(payments)})).all()


async def rulings(session: AsyncSession, payments: Sequence[UUID]) -> Sequence[Any]:
    """What was ruled about payments, in order, what was withdrawn or is not confirmed yet too."""
    return (await session.execute(_RULINGS, {"payments": list(payments)})).all()


async def rule(
    session: AsyncSession,
    payment_id: UUID,
    officer: Ruler,
    ruling: Ruling,
    reason: str,
    *,
    request_id: str | None = None,
) -> Payment:
    """Proposes a ruling (`clear` or `confirm`), or confirms that of another officer who asked for the same. Asked again
    by who proposed it, changes nothing. Confirmed, `clear` gives the money back and ends the payment as failed.

    Raises `NotFound`, `FourEyes`, `WrongState` (the payment is not blocked), `AlreadyDecided` and `SeniorNeeded`.
    """
    payment = await _to_decide(session, payment_id, officer.id)
    ruled = await rulings(session, [payment.id])
    confirmed = [one for one in ruled if one.confirmed_at is not None]
    if confirmed and max(confirmed, key=lambda one: one.confirmed_at).ruling == ruling:
        raise AlreadyDecided("two officers have ruled so already")
    proposal = next((one for one in ruled if one.confirmed_at is None and one.withdrawn_at is None), None)
    if proposal is not None and proposal.ruling == ruling:
        if proposal.proposed_by != officer.id:
            await _confirm(session, payment, proposal, officer, request_id)
        return payment
    if proposal is not None:
        await session.execute(_WITHDRAW, {"officer": officer.id, "id": proposal.id})
        await _tell(session, payment, "withdrawn", proposal.ruling, "", officer)
    values = {
        "id": uuid7(),
        "payment_id": payment.id,
        "maker_id": payment.user_id,
        "ruling": ruling,
        "reason": reason,
        "officer": officer.id,
        "senior": officer.senior,
    }
    await session.execute(_PROPOSE, values)
    await _tell(session, payment, "proposed", ruling, reason, officer)
    return payment


async def _to_decide(session: AsyncSession, payment_id: UUID, officer: UUID) -> Payment:
    seen = await find(session, payment_id)
    if seen is None:
        raise NotFound("there is no such payment")
    if seen.user_id == officer:
        raise FourEyes("you ordered this payment; somebody else decides about it")
    try:
        payment = await locked(session, payment_id)
    except NotFound as hidden:
        # Row level security lets officers lock a payment while it is blocked, and no longer.
        raise WrongState("the payment is not blocked; there is nothing to rule about it") from hidden
    if payment.status != PaymentStatus.BLOCKED:
        raise WrongState(f"the payment is {payment.status}; there is nothing to rule about it")
    return payment


async def _confirm(
    session: AsyncSession, payment: Payment, proposal: Any, officer: Ruler, request_id: str | None
) -> None:
    eyes = {"one": proposal.proposed_by, "other": officer.id, "at": proposal.proposed_at, "maker": payment.user_id}
    if (await session.execute(_SAME_EYES, eyes)).scalar_one():
        raise FourEyes("whoever proposed this, or ordered the payment, lends you their right, or you lend them yours")
    if proposal.ruling == Ruling.CLEAR and not (proposal.proposed_senior or officer.senior):
        raise SeniorNeeded("this payment is blocked: one of the two officers who clear it has to be a senior one")
    values = {"officer": officer.id, "senior": officer.senior, "id": proposal.id}
    await session.execute(_CONFIRM, values)
    await _tell(session, payment, "ruled", proposal.ruling, proposal.reason, officer)
    if proposal.ruling == Ruling.CLEAR:
        await _give_back(session, payment, officer, request_id)


async def _give_back(session: AsyncSession, payment: Payment, officer: Ruler, request_id: str | None) -> None:
    payment.status, payment.ended_at = PaymentStatus.FAILED, datetime.now(UTC)
    payment.reason_code, payment.reason_text = NOT_ON_THIS_RAIL
    await session.flush()
    await ledger.release_hold(session, PAYMENT, payment.id)
    data = {"reason_code": payment.reason_code}
    await tell(session, payment, "failed", actor="officer", actor_id=officer.id, step="cleared", data=data)
    # Its own process has ended when it was blocked.
    await enqueue(
        session,
        workflow=PAYMENT_RULING,
        workflow_id=f"{PAYMENT_RULING}/{payment.id}",
        argument=payment.start.model_dump(mode="json"),
        summary=written(payment.amount_minor, payment.currency),
        request_id=request_id,
    )


async def _tell(session: AsyncSession, payment: Payment, what: str, ruling: str, reason: str, officer: Ruler) -> None:
    data = {"ruling": ruling, "reason": reason}
    await tell(session, payment, f"compliance_{what}", actor="officer", actor_id=officer.id, data=data)
