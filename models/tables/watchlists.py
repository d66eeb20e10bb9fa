"""Watchlists as they are kept (migration 0023)."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from models.errors import NotFound
from models.watchlists import MOST_ITEMS, MOST_LISTS, TooManyWatched, WatchlistExists

_LISTS: Final = text(
    "SELECT w.id, w.name, w.created_at, coalesce((SELECT jsonb_agg(jsonb_build_object('symbol', i.symbol, 'note',"
    " i.note, 'position', i.position, 'added_at', i.added_at) ORDER BY i.position, i.symbol) FROM watchlist_items i"
    " WHERE i.watchlist_id = w.id), '[]') AS items FROM watchlists w"
    " WHERE w.user_id = :user_id AND (CAST(:id AS uuid) IS NULL OR w.id = :id) ORDER BY w.id DESC"
)


class Watchlist:
    """A list with its items, in their order."""

    def __init__(self, row: Any) -> None:
        self.id: UUID = row.id
        self.name: str = row.name
        self.created_at: datetime = row.created_at
        self.items: list[dict[str, Any]] = row.items


async def of_customer(session: AsyncSession, user_id: UUID) -> list[Watchlist]:
    """Their lists, newest first."""
    return [Watchlist(row) for row in await session.execute(_LISTS, {"user_id": user_id, "id": None})]


async def find(session: AsyncSession, user_id: UUID, watchlist_id: UUID) -> Watchlist:
    """One of their lists. Raises `NotFound`."""
    row = (await session.execute(_LISTS, {"user_id": user_id, "id": watchlist_id})).one_or_none()
    if row is None:
        raise NotFound("There is no such list")
    return Watchlist(row)


async def create(session: AsyncSession, user_id: UUID, name: str) -> Watchlist:
    """A new list without items. Raises `WatchlistExists`, `TooManyWatched`."""
    await _alone(session, user_id)
    held = await session.execute(text("SELECT count(*) FROM watchlists WHERE user_id = :id"), {"id": user_id})
    if held.scalar_one() >= MOST_LISTS:
        raise TooManyWatched(f"You can have {MOST_LISTS} lists")
    watchlist_id = uuid7()
    await _named(session, user_id, name, watchlist_id)
    await session.execute(
        text("INSERT INTO watchlists (id, user_id, name) VALUES (:id, :user_id, :name)"),
        {"id": watchlist_id, "user_id": user_id, "name": name},
    )
    return await find(session, user_id, watchlist_id)


async def rename(session: AsyncSession, user_id: UUID, watchlist_id: UUID, name: str) -> Watchlist:
    """Gives a list another name. Raises `NotFound`, `WatchlistExists`."""
    await _alone(session, user_id)
    await find(session, user_id, watchlist_id)
    await _named(session, user_id, name, watchlist_id)
    await session.execute(text("UPDATE watchlists SET name = :name WHERE id = :id"), {"name": name, "id": watchlist_id})
    return await find(session, user_id, watchlist_id)


async def delete(session: AsyncSession, user_id: UUID, watchlist_id: UUID) -> None:
    """Takes a list away, and what is on it. Raises `NotFound`."""
    await find(session, user_id, watchlist_id)
    await session.execute(text("DELETE FROM watchlists WHERE id = :id"), {"id": watchlist_id})


async def put_item(session: AsyncSession, user_id: UUID, watchlist_id: UUID, symbol: str, note: str) -> Watchlist:
    """Puts a security at the end of a list; one that is on it keeps its place and gets the note. Raises `NotFound`,
    `TooManyWatched`."""
    await _alone(session, user_id)
    items = (await find(session, user_id, watchlist_id)).items
    if len(items) >= MOST_ITEMS and symbol not in {one["symbol"] for one in items}:
        raise TooManyWatched(f"A list holds {MOST_ITEMS} securities")
    await session.execute(
        text(
            "INSERT INTO watchlist_items (watchlist_id, user_id, symbol, note, position)"
            " VALUES (:id, :user_id, :symbol, :note, :position)"
            " ON CONFLICT (watchlist_id, symbol) DO UPDATE SET note = excluded.note"
        ),
        {
            "id": watchlist_id,
            "user_id": user_id,
            "symbol": symbol,
            "note": note,
            "position": max((one["position"] for one in items), default=0) + 1,
        },
    )
    return await find(session, user_id, watchlist_id)


async def take_item(session: AsyncSession, user_id: UUID, watchlist_id: UUID, symbol: str) -> None:
    """Takes a security off a list. Raises `NotFound`."""
    await find(session, user_id, watchlist_id)
    gone: CursorResult[tuple[()]] = await session.execute(  # type: ignore[assignment] # a DELETE gives a cursor
        text("DELETE FROM watchlist_items WHERE watchlist_id = :id AND symbol = :symbol"),
        {"id": watchlist_id, "symbol": symbol},
    )
    if not gone.rowcount:
        raise NotFound("It is not on this list")


async def _alone(session: AsyncSession, user_id: UUID) -> None:
    # Two changes of one customer at once count and number after each other.
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:who, 0))"), {"who": f"watchlists/{user_id}"}
    )


async def _named(session: AsyncSession, user_id: UUID, name: str, watchlist_id: UUID) -> None:
    taken = await session.execute(
        text("SELECT EXISTS (SELECT FROM watchlists WHERE user_id = :user_id AND name = :name AND id <> :id)"),
        {"user_id": user_id, "name": name, "id": watchlist_id},
    )
    if taken.scalar_one():
        raise WatchlistExists("You have a list of that name")
