"""Lists in the contract's shape: `?page=&limit=`, newest first, and `?cursor=` where a list can be long.

    async def list_wires(wanted: PageQuery, db: Db, ...) -> Page[WireView]:
        return await page_of(db, select(Wire), Wire.id, wanted, view)

Things are listed by their id, which is a UUIDv7 and so their age. A cursor is the id of the last thing seen.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession


class Identified(Protocol):
    """A row with an id."""

    id: UUID


T = TypeVar("T")
R = TypeVar("R", bound=Identified)


class Page(BaseModel, Generic[T]):
    """One page of a list. `next_cursor` is there while there is more."""

    data: list[T]
    total: int = Field(examples=[1])
    page: int = Field(examples=[1])
    total_pages: int = Field(examples=[1])
    next_cursor: UUID | None = None


class Wanted(BaseModel):
    """Which part of a list is asked for."""

    model_config = ConfigDict(frozen=True)

    page: int
    limit: int
    cursor: UUID | None

    @property
    def offset(self) -> int:
        """How many things come before this page."""
        return 0 if self.cursor else (self.page - 1) * self.limit


async def _wanted(
    page: Annotated[int, Query(ge=1, le=100_000, description="From 1. Without meaning beside a cursor.")] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[UUID | None, Query(description="`next_cursor` of the page before.")] = None,
) -> Wanted:
    return Wanted(page=page, limit=limit, cursor=cursor)


PageQuery = Annotated[Wanted, Depends(_wanted)]


async def page_of(
    db: AsyncSession,
    chosen: Select[R],
    identity: Any,
    wanted: Wanted,
    view: Callable[[R], T],
    *,
    first: Sequence[Any] = (),
) -> Page[T]:
    """The wanted part of `chosen`, newest first. `identity` is the column of the id, `view` makes a row an answer.

    `first` is another order, for short lists: a cursor goes by age alone and is neither taken nor given then.
    """
    total = (await db.execute(select(func.count()).select_from(chosen.order_by(None).subquery()))).scalar_one()
    part = chosen.order_by(*first, identity.desc()).limit(wanted.limit).offset(wanted.offset)
    if wanted.cursor is not None and not first:
        part = part.where(identity < wanted.cursor)
    rows = list((await db.execute(part)).scalars())
    full = len(rows) == wanted.limit and not first
    more = full and (wanted.cursor is not None or wanted.offset + len(rows) < total)
    return Page(
        data=[view(row) for row in rows],
        total=total,
        page=wanted.page,
        total_pages=max(1, -(-total // wanted.limit)),
        next_cursor=rows[-1].id if more else None,
    )
