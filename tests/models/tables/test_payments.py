"""What the database itself refuses of payments, whoever asks."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.payments import MOVES, PaymentStatus


async def test_the_database_knows_the_same_moves(owner_engine: AsyncEngine) -> None:
    async with transaction(owner_engine) as session:
        rows = (await session.execute(text("SELECT from_status, to_status, mover FROM payment_moves"))).all()

    assert {(row.from_status, row.to_status): row.mover for row in rows} == dict(MOVES)


def test_every_status_is_reached_and_left_or_an_end() -> None:
    entered = {after for _, after in MOVES} | {PaymentStatus.SCHEDULED, PaymentStatus.FUNDED}

    assert entered == set(PaymentStatus)
