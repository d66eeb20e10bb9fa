"""How much a customer may still wire (contract §5)."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.amounts import Amount, CurrencyIn
from api.deps import Configuration, Db, Requires
from api.errors import documented
from api.routing import feature
from models.auth import Role
from models.errors import Forbidden
from models.limits import Room, limits_of, room
from models.money import to_decimal
from models.tables.auth import Caller
from models.tables.limits import uses_of
from models.tables.users import user
from models.tables.wires.quotes import WIRE

router: APIRouter = feature("wires")


class LimitView(BaseModel):
    """One limit. What is used of a window is free again when the window has gone by; `resets_at` is the first moment at
    which some of it is."""

    limit: Amount
    used: Amount
    left: Amount
    resets_at: datetime | None


class CurrencyLimits(BaseModel):
    """What may leave in wires of one currency: in each, in any 24 hours, in any 30 days."""

    currency: str = Field(examples=["USD"])
    per_wire: LimitView
    day: LimitView
    month: LimitView


class WireLimits(BaseModel):
    """The limits of a customer. A wire counts from its order on; one that ends without its money leaving does not."""

    tier: str = Field(examples=["premium"])
    data: list[CurrencyLimits]


def limit_view(one: Room, currency: str) -> LimitView:
    """One limit in major units."""
    return LimitView(
        limit=to_decimal(one.limit.limit_minor, currency),
        used=to_decimal(one.used_minor, currency),
        left=to_decimal(one.left_minor, currency),
        resets_at=one.resets_at,
    )


@router.get("/limits", summary="Read your limits", responses=documented(401, 403))
async def read_limits(
    caller: Annotated[Caller, Requires("wires:create")],
    db: Db,
    settings: Configuration,
    currency: Annotated[CurrencyIn | None, Query(description="One currency; else all that are wired.")] = None,
) -> WireLimits:
    """Limit, used, left and reset, of each currency by itself."""
    if caller.role != Role.CUSTOMER:
        raise Forbidden("Limits are those of customers")
    person, shown = await user(db, caller.id), []
    for code in [currency] if currency else sorted(settings.wire_fees):
        limits = limits_of(person.limits_tier, code, settings.wire_limits, each=WIRE)
        now, uses = await uses_of(db, caller.id, WIRE, limits, code)
        views = {one.name: limit_view(room(one, uses, now), code) for one in limits}
        shown.append(CurrencyLimits(currency=code, **views))
    return WireLimits(tier=person.tier, data=shown)
