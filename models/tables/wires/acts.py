"""What customers do to a wire: order it, cancel it. What officers do is in `decisions`, `questions` and `claims`.

Each act is one transaction of the caller: the row is locked, the rule is asked, and the decision, the new status, the
money, the timeline and the outbox row are written together (design §1). Whoever comes second sees what was decided.
"""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from models.errors import (
    NotFound,
    WrongState,
)
from models.tables import ledger
from models.tables.limits import use_limits
from models.tables.wires.quotes import TERMS, WIRE, quote
from models.tables.wires.rows import Wire, find, locked, tell
from models.tables.wires.waking import wake
from models.wires import (
    ComplianceStatus,
    Mover,
    WireOrder,
    WireStatus,
    WireTerms,
    content_hash,
    decimals,
    end_to_end_id,
    may_move,
)


async def place(
    session: AsyncSession,
    maker: UUID,
    order: WireOrder,
    *,
    at: datetime | None = None,
    terms: WireTerms = TERMS,
    request_id: str | None = None,
) -> Wire:
    """Orders a wire, `at` that moment or now: stores it, sets its money aside, uses up its part of the limits, and asks
    for its process.

    Raises what `quote` does, `InsufficientFunds` and `LimitExceeded`; then nothing is stored. Whoever lacks both money
    and room is told of the money. Locks are taken in one order: the person, then the account.
    """
    quoted = await quote(session, maker, order, terms=terms, at=at or datetime.now(UTC), lock=True)
    cost = quoted.price
    wire_id = uuid7()
    content = order.model_dump(mode="json") | cost.model_dump()
    wire = Wire(
        **order.model_dump(exclude={"charges", "recipient_address"}),
        **cost.model_dump(),
        id=wire_id,
        user_id=maker,
        charges=order.charges,
        recipient_address=content["recipient_address"],
        exponent=decimals(order.currency),
        uetr=uuid4(),
        end_to_end_id=end_to_end_id(wire_id),
        content_hash=content_hash(content),
    )
    session.add(wire)
    await session.flush()
    await ledger.place_hold(session, wire.sender_account_id, wire.money.debited_minor, "wire", wire.id, maker)
    await use_limits(
        session,
        maker,
        WIRE,
        quoted.limits,
        amount_minor=wire.amount_minor,
        currency=wire.currency,
        transaction_id=wire.id,
    )
    await tell(session, wire, "ordered", actor="customer", actor_id=maker, step="ordered")
    await wake(session, wire, request_id)
    return wire


async def cancel(session: AsyncSession, wire_id: UUID, customer: UUID, *, request_id: str | None = None) -> Wire:
    """The customer takes a wire back. Possible until it is released to the bank; then it takes a recall.

    Raises `NotFound` (somebody else's, too) and `WrongState`.
    """
    wire = await find(session, wire_id)
    if wire.user_id != customer:
        raise NotFound("there is no such wire")
    wire = await locked(session, wire_id)
    # Confirmed to be the listed name: its process blocks it within moments.
    confirmed = wire.compliance_status == ComplianceStatus.HIT
    if confirmed or not may_move(WireStatus(wire.status), WireStatus.CANCELLED, Mover.PERSON):
        raise WrongState(f"the wire is {wire.status} and can no longer be cancelled")
    wire.status = WireStatus.CANCELLED
    wire.reason_code = "cancelled_by_customer"
    await session.flush()
    await ledger.release_hold(session, "wire", wire.id)
    await tell(session, wire, "cancelled", actor="customer", actor_id=customer)
    await wake(session, wire, request_id)
    return wire
