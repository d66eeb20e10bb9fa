"""What is new on a list, and everybody whom it could concern: wires and payments, and customers."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from models.payments import ENDED as ENDED_PAYMENTS
from models.screening.lists import Change, entity_of
from models.screening.parties import (
    Customer,
    Party,
    subjects_of_customer,
    subjects_of_payment,
    subjects_of_wire,
)
from models.wires import ENDED

_BATCH: Final = 500
# Those that have not ended; and those that were carried out so lately that it matters to whom.
_WIRES: Final = text(
    "SELECT w.*, u.first_name || ' ' || u.last_name AS debtor_name, u.date_of_birth, u.address FROM wire_transfers w"
    " JOIN users u ON u.id = w.user_id WHERE w.status <> ALL (:ended) OR w.status IN ('completed', 'returned')"
    " AND w.updated_at > clock_timestamp() - CAST(:lookback AS interval) ORDER BY w.id"
)
_PAYMENTS: Final = text(
    "SELECT p.*, u.first_name || ' ' || u.last_name AS debtor_name, u.date_of_birth, u.address FROM payments p"
    " JOIN users u ON u.id = p.user_id WHERE p.status <> ALL (:ended) OR p.status IN ('completed', 'returned')"
    " AND p.ended_at > clock_timestamp() - CAST(:lookback AS interval) ORDER BY p.id"
)
_CUSTOMERS: Final = text(
    "SELECT id, first_name || ' ' || last_name AS name, date_of_birth, address FROM users"
    " WHERE role = 'customer' AND deleted_at IS NULL ORDER BY id"
)


async def changes(session: AsyncSession, before: int | None, after: int) -> list[Change]:
    """What was added, changed or removed from one version of a list to another. Without `before` all is added."""
    rows = await session.execute(
        text("SELECT id, change, hash, content FROM sanctions_delta(:before, :after) ORDER BY id"),
        {"before": before, "after": after},
    )
    return [Change(change=row.change, entity=entity_of(row.id, row.content), hash=row.hash) for row in rows]


async def parties_in_flight(
    session: AsyncSession, *, customers: bool = True, lookback: timedelta = timedelta(0)
) -> AsyncIterator[Party]:
    """Every wire and payment that has not ended, or was carried out within `lookback`, and unless `customers` is false
    every customer, by the batch from the database.

    For the worker's role.
    """
    wires = await session.stream(
        _WIRES, {"ended": sorted(ENDED), "lookback": lookback}, execution_options={"yield_per": _BATCH}
    )
    async for row in wires:
        yield Party("wire", row.id, tuple(subjects_of_wire(row._asdict(), _debtor(row))))
    payments = await session.stream(
        _PAYMENTS, {"ended": sorted(ENDED_PAYMENTS), "lookback": lookback}, execution_options={"yield_per": _BATCH}
    )
    async for row in payments:
        yield Party("payment", row.id, tuple(subjects_of_payment(row._asdict(), _debtor(row))))
    if not customers:
        return
    people = await session.stream(_CUSTOMERS, execution_options={"yield_per": _BATCH})
    async for row in people:
        customer = Customer(row.id, row.name, row.date_of_birth, row.address)
        yield Party("customer", row.id, tuple(subjects_of_customer(customer)))


def _debtor(row: Row[Any]) -> Customer:
    return Customer(row.user_id, row.debtor_name, row.date_of_birth, row.address)
