"""Call-backs to customers as they are kept, and whether a wire has the one that it takes.

Whatever is refused here is refused by the database again (`app.guard_call_back`, `app.guard_called_back`).
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from models.errors import FourEyes, WrongState
from models.tables.wires.approvers import same_eyes
from models.tables.wires.rows import Wire, WireApproval, tell
from models.tables.wires.waking import to_decide, wake
from models.wires import UNDECIDED
from models.wires.call_backs import KNOWN_FOR, CallBackMissing, CallResult, NoKnownNumber

_CALLS: Final = text("SELECT * FROM wire_call_backs WHERE wire_id = :wire_id ORDER BY called_at, id")
_NUMBER: Final = text("SELECT phone, phone_since FROM users WHERE id = :id")


async def call_backs(session: AsyncSession, wire_id: UUID) -> Sequence[Any]:
    """The calls to the customer about a wire, in order."""
    return (await session.execute(_CALLS, {"wire_id": wire_id})).all()


async def known_number(session: AsyncSession, wire: Wire) -> Any:
    """The customer's number (`phone`) and since when it is on file (`phone_since`), None where none was well before the
    order. For those who may read people."""
    found = (await session.execute(_NUMBER, {"id": wire.user_id})).one_or_none()
    if found is None or found.phone is None or wire.created_at is None:
        return None
    return found if found.phone_since <= wire.created_at - KNOWN_FOR else None


async def record_call(
    session: AsyncSession,
    wire_id: UUID,
    officer: UUID,
    *,
    spoken_to: str,
    result: CallResult,
    note: str = "",
    request_id: str | None = None,
) -> Wire:
    """An officer says that they called the customer on the number on file, with whom they spoke, and what was said.

    Raises `NotFound`, `FourEyes`, `WrongState`, and `NoKnownNumber`.
    """
    wire = await to_decide(session, wire_id, officer)
    if wire.status not in UNDECIDED:
        raise WrongState(f"the wire is {wire.status}; customers are called while officers decide")
    if await same_eyes(session, wire.user_id, officer):
        raise FourEyes("whoever ordered this wire lends you their right, or you lend them yours")
    number = await known_number(session, wire)
    if number is None:
        raise NoKnownNumber("no number of this customer was on file a day before the order; verify them by other means")
    await session.execute(
        text(
            "INSERT INTO wire_call_backs (id, wire_id, maker_id, content_hash, number, known_since, spoken_to, result,"
            " note, called_by) VALUES (:id, :wire_id, :maker_id, :content_hash, :number, :since, :spoken_to, :result,"
            " :note, :officer)"
        ),
        {
            "id": uuid7(),
            "wire_id": wire.id,
            "maker_id": wire.user_id,
            "content_hash": wire.content_hash,
            "number": number.phone,
            "since": number.phone_since,
            "spoken_to": spoken_to,
            "result": result,
            "note": note,
            "officer": officer,
        },
    )
    data = {"result": result, "note": note}
    await tell(session, wire, "compliance_call_back", actor="officer", actor_id=officer, data=data)
    await wake(session, wire, request_id)
    return wire


async def check_called_back(session: AsyncSession, wire: Wire, routing: Any) -> None:
    """Raises `CallBackMissing` where the routing asks for a call-back and the customer has not confirmed the wire."""
    if not routing.call_back:
        return
    results = {one.result for one in await call_backs(session, wire.id)}
    if CallResult.DENIED in results:
        raise CallBackMissing("the customer has denied this wire; it can be rejected, and nothing else")
    if CallResult.CONFIRMED not in results:
        raise CallBackMissing("the customer is called back before anybody approves this wire")


async def check_not_alone(session: AsyncSession, wire: Wire, routing: Any, decisions: Iterable[WireApproval]) -> None:
    """Raises `FourEyes` where whoever made the call is the only pair of eyes that fills a place by these decisions."""
    if not routing.call_back:
        return
    approvers = {one.officer_id for one in decisions if one.place is not None}
    callers = {one.called_by for one in await call_backs(session, wire.id) if one.result == CallResult.CONFIRMED}
    for approver in sorted(approvers):
        for caller in sorted(callers - {approver}):
            if not await same_eyes(session, approver, caller):
                return
    raise FourEyes("you called the customer about this wire; somebody else has to approve it too")
