"""What every act of a person about a wire begins and ends with: the lock, and the word to the wire's process."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import FourEyes
from models.money import written
from models.tables.outbox import enqueue
from models.tables.wires.rows import Wire, find, locked


async def to_decide(session: AsyncSession, wire_id: UUID, officer: UUID) -> Wire:
    """The wire, locked, for an officer who is not its maker. Raises `NotFound` and `FourEyes`."""
    # Looked at before it is locked: row level security hides the maker's own wire from the lock, and a plain "not
    # found" would not say why.
    if (await find(session, wire_id)).user_id == officer:
        raise FourEyes("you ordered this wire; somebody else decides about it")
    return await locked(session, wire_id)


async def wake(session: AsyncSession, wire: Wire, request_id: str | None) -> None:
    """Asks that the wire's process runs, and looks at its rows."""
    await enqueue(
        session,
        workflow="wire",
        workflow_id=f"wire/{wire.id}",
        argument=wire.start.model_dump(mode="json"),
        summary=written(wire.amount_minor, wire.currency),
        request_id=request_id,
    )
