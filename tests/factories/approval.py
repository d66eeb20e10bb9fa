"""Approval as a bank sets it up: matrices, rates, risks. What the migrations filled is put back afterwards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables import wires
from models.wires import Matrix, Row

_PUT_BACK = (
    # Behind the backs of the triggers that keep every version.
    "SET LOCAL session_replication_role = replica",
    "DELETE FROM approval_matrices WHERE note <> 'As shipped'",
    "DELETE FROM country_risks WHERE country = 'XX' OR note NOT LIKE 'Sample%'",
    "DELETE FROM approver_limits WHERE person IS NOT NULL OR updated_by IS NOT NULL AND preset NOT IN ('*')",
    "UPDATE approver_limits SET per_wire_minor = 500000000, per_day_minor = 5000000000 WHERE preset = '*'",
)


@asynccontextmanager
async def as_shipped(owner: AsyncEngine) -> AsyncIterator[None]:
    """Whatever a test sets up differently within the block is as it was after it."""
    try:
        yield
    finally:
        async with transaction(owner) as session:
            for statement in _PUT_BACK:
                await session.execute(text(statement))


async def published(owner: AsyncEngine, *rows: Row) -> int:
    """A matrix of these rows decides from now on; its version. Within `as_shipped`."""
    async with transaction(owner) as session:
        return await wires.publish_matrix(session, Matrix(rows=rows), note="A test's", operator="tests")
