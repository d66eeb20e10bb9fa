"""Sanctions lists as they are kept."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import Unavailable
from models.screening import ListEntry


async def entries(session: AsyncSession) -> list[ListEntry]:
    """Every listed entry. Raises `Unavailable` when no list is loaded: screening fails closed."""
    rows = (await session.execute(text("SELECT id, version, name, aliases, bic FROM sanctions_entries"))).all()
    if not rows:
        raise Unavailable("no sanctions list is loaded")
    return [
        ListEntry(id=row.id, version=row.version, name=row.name, aliases=tuple(row.aliases), bic=row.bic)
        for row in rows
    ]


async def version(session: AsyncSession) -> str:
    """The versions of all loaded lists, in one string that changes when any of them does."""
    return str(
        (
            await session.execute(
                text("SELECT coalesce(string_agg(DISTINCT list || '/' || version, ' '), '') FROM sanctions_entries")
            )
        ).scalar_one()
    )
