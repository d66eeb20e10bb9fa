"""Watchlists by HTTP (contract §8)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api import audit
from api.deps import Bearer, CurrentUser, Db, early_caller, signed_in_person
from api.errors import documented
from api.parts import parts_of, work_of
from api.routing import feature
from models.tables import watchlists
from models.tables.auth import Caller
from models.tables.watchlists import Watchlist

router = feature("watchlists")

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
SymbolIn = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_upper=True, min_length=1, max_length=16, pattern=r"^[A-Za-z0-9.-]+$"),
]


class WatchlistIn(BaseModel):
    """A list by its name."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["Energy"])


class ItemIn(BaseModel):
    """A security to look at, with a note of one's own."""

    model_config = ConfigDict(extra="forbid")

    symbol: SymbolIn = Field(examples=["XALDE"])
    note: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""


class ItemView(BaseModel):
    """A security on a list."""

    symbol: str = Field(examples=["XALDE"])
    note: str
    position: int
    added_at: datetime


class WatchlistView(BaseModel):
    """A list with its securities in their order."""

    id: UUID
    name: str = Field(examples=["Energy"])
    items: list[ItemView]
    created_at: datetime


class WatchlistsView(BaseModel):
    """All lists, newest first: they are few, and come on one page."""

    data: list[WatchlistView]
    total: int = Field(examples=[1])
    page: int = Field(default=1, examples=[1])
    total_pages: int = Field(default=1, examples=[1])


def _view(one: Watchlist) -> WatchlistView:
    return WatchlistView(
        id=one.id,
        name=one.name,
        items=[ItemView.model_validate(item) for item in one.items],
        created_at=one.created_at,
    )


@router.get("", summary="List your watchlists", responses=documented(401))
async def list_watchlists(caller: CurrentUser, db: Db) -> WatchlistsView:
    """The caller's own, with what is on them."""
    found = [_view(one) for one in await watchlists.of_customer(db, caller.id)]
    return WatchlistsView(data=found, total=len(found))


@router.post("", status_code=201, summary="Make a watchlist", responses=documented(400, 401, 409))
async def create_watchlist(body: WatchlistIn, caller: CurrentUser, db: Db, request: Request) -> WatchlistView:
    """A list without securities, under a name that no other list of the caller has."""
    audit.note(request, "watchlist", new=body.model_dump())
    made = await watchlists.create(db, caller.id, body.name)
    audit.note(request, "watchlist", made.id)
    return _view(made)


@router.put("/{watchlist_id}", summary="Rename a watchlist", responses=documented(401, 404, 409))
async def rename_watchlist(
    watchlist_id: UUID, body: WatchlistIn, caller: CurrentUser, db: Db, request: Request
) -> WatchlistView:
    """Gives it another name."""
    audit.note(request, "watchlist", watchlist_id, new=body.model_dump())
    return _view(await watchlists.rename(db, caller.id, watchlist_id, body.name))


@router.delete("/{watchlist_id}", status_code=204, summary="Delete a watchlist", responses=documented(401, 404))
async def delete_watchlist(watchlist_id: UUID, caller: CurrentUser, db: Db, request: Request) -> Response:
    """Takes it away, with what is on it. Alerts stay."""
    audit.note(request, "watchlist", watchlist_id)
    await watchlists.delete(db, caller.id, watchlist_id)
    return Response(status_code=204)


@router.post("/{watchlist_id}/items", status_code=201, summary="Watch a security", responses=documented(400, 401, 404))
async def add_item(
    watchlist_id: UUID,
    body: ItemIn,
    _early: Annotated[Caller, Depends(early_caller)],
    credentials: Bearer,
    request: Request,
) -> WatchlistView:
    """Puts it at the end; one that is on the list already gets the note."""
    audit.note(request, "watchlist", watchlist_id, new=body.model_dump())
    # Before the transaction is opened: a source may take its time.
    security = await parts_of(request.scope).quotes.security(body.symbol)
    db = await work_of(request).opened()
    caller = await signed_in_person(request, credentials, db)
    return _view(await watchlists.put_item(db, caller.id, watchlist_id, security.symbol, body.note))


@router.delete(
    "/{watchlist_id}/items/{symbol}", status_code=204, summary="Watch it no more", responses=documented(401, 404)
)
async def remove_item(watchlist_id: UUID, symbol: str, caller: CurrentUser, db: Db, request: Request) -> Response:
    """Takes a security off the list."""
    audit.note(request, "watchlist", watchlist_id, old={"symbol": symbol.upper()[:16]})
    await watchlists.take_item(db, caller.id, watchlist_id, symbol.upper())
    return Response(status_code=204)
