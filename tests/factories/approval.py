"""Approval as a bank sets it up: matrices, rates, risks. What the migrations filled is put back afterwards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables import wires
from models.wires import Matrix, Row

# What the migrations filled and operators change.
_SET_UP = ("country_risks", "approver_limits")


@asynccontextmanager
async def as_shipped(owner: AsyncEngine) -> AsyncIterator[None]:
    """Whatever a test sets up differently within the block is as it was after it."""
    async with transaction(owner) as session:
        kept = {
            table: (await session.execute(text(f"SELECT CAST(jsonb_agg(to_jsonb(t)) AS text) FROM {table} t"))).scalar()
            for table in _SET_UP
        }
    try:
        yield
    finally:
        async with transaction(owner) as session:
            # Behind the backs of the triggers that keep every version.
            await session.execute(text("SET LOCAL session_replication_role = replica"))
            await session.execute(text("DELETE FROM approval_matrices WHERE note NOT LIKE 'As shipped%'"))
            for table, rows in kept.items():
                await session.execute(text(f"DELETE FROM {table}"))
                put_back = f"INSERT INTO {table} SELECT * FROM jsonb_populate_recordset(CAST(NULL AS {table}), :rows)"
                await session.execute(text(put_back.replace(":rows", "CAST(:rows AS jsonb)")), {"rows": rows})


async def published(owner: AsyncEngine, *rows: Row, call_back_over: int | None = None) -> int:
    """A matrix of these rows decides from now on; its version. Within `as_shipped`."""
    async with transaction(owner) as session:
        return await wires.publish_matrix(
            session, Matrix(rows=rows, call_back_over=call_back_over), note="A test's", operator="tests"
        )
