"""Questions about a wire: an officer asks, the customer answers, as often as it takes.

While the customer is asked, the desk's clock stands: its marks move by the business time that the answer took. The hard
stop does not move, so that nobody keeps money held for ever by not answering.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import DeadlinePassed, NotFound, WrongState
from models.tables.wires.rows import Wire, find, locked, tell
from models.tables.wires.waking import to_decide, wake
from models.wires import WireStatus
from models.wires.eyes import TooManyQuestions

MOST_ROUNDS: Final = 20


async def questions(session: AsyncSession, wire_id: UUID) -> Sequence[Any]:
    """What was asked about a wire, and answered, in order."""
    found = await session.execute(
        text("SELECT * FROM wire_questions WHERE wire_id = :id ORDER BY round"), {"id": wire_id}
    )
    return found.all()


async def request_info(
    session: AsyncSession, wire_id: UUID, officer: UUID, *, question: str, request_id: str | None = None
) -> Wire:
    """An officer asks the customer something; nobody approves before the answer.

    Raises `NotFound`, `FourEyes`, `WrongState`, `DeadlinePassed`, `TooManyQuestions`.
    """
    wire = await to_decide(session, wire_id, officer)
    if wire.status != WireStatus.AWAITING_APPROVAL:
        raise WrongState(f"the wire is {wire.status}; questions are asked while it waits for approval")
    _check_open(wire)
    asked = len(await questions(session, wire.id))
    if asked >= MOST_ROUNDS:
        raise TooManyQuestions(f"the customer was asked {asked} times; decide by what they said")
    await session.execute(
        text(
            "INSERT INTO wire_questions (wire_id, round, question, asked_by)"
            " VALUES (:wire_id, :round, :question, :asked_by)"
        ),
        {"wire_id": wire.id, "round": asked + 1, "question": question, "asked_by": officer},
    )
    wire.status = WireStatus.INFO_REQUESTED
    await session.flush()
    data = {"round": asked + 1, "question": question}
    await tell(session, wire, "info_requested", actor="officer", actor_id=officer, data=data)
    await wake(session, wire, request_id)
    return wire


async def give_info(
    session: AsyncSession, wire_id: UUID, customer: UUID, *, answer: str, request_id: str | None = None
) -> Wire:
    """The customer answers; the wire waits for officers again. Raises `NotFound`, `WrongState`, `DeadlinePassed`."""
    if (await find(session, wire_id)).user_id != customer:
        raise NotFound("there is no such wire")
    wire = await locked(session, wire_id)
    if wire.status != WireStatus.INFO_REQUESTED:
        raise WrongState(f"the wire is {wire.status}; nobody waits for an answer")
    _check_open(wire)
    answered = await session.execute(
        text(
            "UPDATE wire_questions SET answer = :answer, answered_by = :customer, answered_at = clock_timestamp()"
            " WHERE wire_id = :wire_id AND answer IS NULL RETURNING round"
        ),
        {"answer": answer, "customer": customer, "wire_id": wire.id},
    )
    data = {"round": answered.scalar_one(), "answer": answer}
    wire.status = WireStatus.AWAITING_APPROVAL
    await session.flush()
    await tell(session, wire, "info_given", actor="customer", actor_id=customer, data=data)
    await wake(session, wire, request_id)
    return wire


def _check_open(wire: Wire) -> None:
    if wire.sla_hard_stop and datetime.now(UTC) >= wire.sla_hard_stop:
        raise DeadlinePassed("the hard stop of this wire is over")
