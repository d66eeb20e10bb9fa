"""Who on the desk looks after a wire. A claim says whom to ask and keeps nobody else from deciding."""

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import WrongState
from models.tables.wires.rows import Wire, tell
from models.tables.wires.waking import to_decide, wake
from models.wires import UNDECIDED
from models.wires.eyes import ClaimedByAnother


async def claim(session: AsyncSession, wire_id: UUID, officer: UUID, *, request_id: str | None = None) -> Wire:
    """An officer looks after a wire from now on. Raises `NotFound`, `FourEyes`, `WrongState`, `ClaimedByAnother`."""
    wire = await to_decide(session, wire_id, officer)
    if wire.status not in UNDECIDED:
        raise WrongState(f"the wire is {wire.status}; there is nothing to look after")
    if wire.assignee == officer:
        return wire
    if wire.assignee is not None:
        raise ClaimedByAnother("somebody else looks after this wire; they, or a senior officer, can give it back")
    wire.assignee, wire.claimed_at = officer, datetime.now(UTC)
    await session.flush()
    await tell(session, wire, "claimed", actor="officer", actor_id=officer)
    await wake(session, wire, request_id)
    return wire


async def give_back(
    session: AsyncSession, wire_id: UUID, officer: UUID, *, senior: bool, request_id: str | None = None
) -> Wire:
    """An officer gives a wire back to the desk; a senior one somebody else's too. Nothing to give back is no error.

    Raises `NotFound`, `FourEyes`, `ClaimedByAnother`.
    """
    wire = await to_decide(session, wire_id, officer)
    if wire.assignee is None:
        return wire
    if wire.assignee != officer and not senior:
        raise ClaimedByAnother("somebody else looks after this wire; they, or a senior officer, can give it back")
    wire.assignee = wire.claimed_at = None
    await session.flush()
    await tell(session, wire, "given_back", actor="officer", actor_id=officer)
    await wake(session, wire, request_id)
    return wire
