"""Damage to the books that no trigger lets through, done as the owner with the triggers switched off."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction


async def damage(owner: AsyncEngine, *statements: str, **values: Any) -> None:
    """Carries out `statements` in one transaction, with `values`, past all triggers and foreign keys."""
    async with transaction(owner) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            await session.execute(text(statement), values)
