"""Alerts on prices by HTTP (contract §8). What fires is found by the sweep (`workflows.alerts`), and written to its
customer."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Self
from uuid import UUID

from fastapi import Depends, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from api import audit
from api.amounts import Amount, AmountIn
from api.deps import Bearer, CurrentUser, Db, early_caller, signed_in_person
from api.errors import documented
from api.pages import Page, PageQuery, page_of
from api.parts import parts_of, work_of
from api.routing import feature
from infra.database import Principal, transaction
from models.alerts import AlertStatus, Condition
from models.errors import Malformed, RuleRefused
from models.market import cents
from models.tables import alerts
from models.tables.alerts import PriceAlert
from models.tables.auth import Caller

router = feature("alerts")

_MOST: Decimal = Decimal(10_000_000)
SymbolIn = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_upper=True, min_length=1, max_length=16, pattern=r"^[A-Za-z0-9.-]+$"),
]
# A minute to thirty days.
CooldownIn = Annotated[int, Field(ge=60, le=30 * 24 * 3600, description="Seconds.", examples=[3600])]
# A price is asked for before the request's transaction is opened (`api.quotes`).
Early = Annotated[Caller, Depends(early_caller)]


class AlertIn(BaseModel):
    """An alert to set: `price` for above, below and crosses, `percent` for percent_move."""

    model_config = ConfigDict(extra="forbid")

    symbol: SymbolIn = Field(examples=["XALDE"])
    condition: Condition
    price: AmountIn | None = None
    percent: AmountIn | None = None
    repeat: bool = False
    cooldown: CooldownIn = 3600
    expires_at: AwareDatetime | None = None
    session_only: bool = Field(default=False, description="Fires at prices of a session alone.")

    @model_validator(mode="after")
    def _has_its_level(self) -> Self:
        by_percent = self.condition is Condition.PERCENT_MOVE
        if (self.percent is not None) != by_percent or (self.price is not None) == by_percent:
            raise ValueError("percent_move takes percent, the others take price")
        return self


class AlertChange(BaseModel):
    """What is to be different. `status`: `active` (from paused or triggered, too) or `paused`."""

    model_config = ConfigDict(extra="forbid")

    price: AmountIn | None = None
    percent: AmountIn | None = None
    repeat: bool | None = None
    cooldown: CooldownIn | None = None
    expires_at: AwareDatetime | None = Field(default=None, description="null: it does not expire.")
    session_only: bool | None = None
    status: AlertStatus | None = Field(default=None, examples=["paused"])


class AlertView(BaseModel):
    """An alert. `reference` is the price when it was set; `times`, `last_at` and `last_price` tell when it fired."""

    id: UUID
    symbol: str = Field(examples=["XALDE"])
    condition: Condition
    price: Amount | None
    percent: Amount | None
    reference: Amount
    repeat: bool
    cooldown: int
    session_only: bool
    expires_at: datetime | None
    status: AlertStatus
    times: int
    last_at: datetime | None
    last_price: Amount | None
    created_at: datetime


def told_price(value: Decimal) -> Decimal:
    """Of the six decimals that are kept, those that say something, and two at least."""
    plain = value.normalize()
    return cents(plain) if _places(plain) <= 2 else plain


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _view(alert: PriceAlert) -> AlertView:
    by_percent = alert.condition == Condition.PERCENT_MOVE
    level = told_price(alert.level)
    return AlertView(
        **alert.model_dump(include={"id", "symbol", "condition", "repeat", "session_only", "status", "times"}),
        price=None if by_percent else level,
        percent=level if by_percent else None,
        reference=told_price(alert.reference),
        cooldown=int(alert.cooldown.total_seconds()),
        expires_at=alert.expires_at,
        last_at=alert.last_at,
        last_price=None if alert.last_price is None else told_price(alert.last_price),
        created_at=alert.created_at or datetime.now(UTC),
    )


def _level(price: Decimal | None, percent: Decimal | None) -> Decimal:
    level = percent if price is None else price
    assert level is not None
    if level > _MOST or _places(level) > 6:
        raise Malformed("A level is at most ten million, with at most six decimals")
    return level


def _later(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise RuleRefused("An alert expires in the future")


async def _begun(request: Request, credentials: Bearer) -> tuple[AsyncSession, Caller]:
    """The request's transaction, now that the price is known."""
    db = await work_of(request).opened()
    return db, await signed_in_person(request, credentials, db)


@router.get("", summary="List your alerts", responses=documented(401))
async def list_alerts(wanted: PageQuery, caller: CurrentUser, db: Db) -> Page[AlertView]:
    """The caller's own, newest first, whatever their status."""
    return await page_of(db, alerts.alerts_of(caller.id), col(PriceAlert.id), wanted, _view)


@router.post("", status_code=201, summary="Set an alert", responses=documented(400, 401, 404))
async def create_alert(body: AlertIn, _early: Early, credentials: Bearer, request: Request) -> AlertView:
    """Looks the price up, from where the alert is judged, and sets it."""
    audit.note(request, "alert", new=body.model_dump(mode="json", exclude_none=True))
    level = _level(body.price, body.percent)
    _later(body.expires_at)
    quote = await parts_of(request.scope).quotes.quote(body.symbol)
    db, caller = await _begun(request, credentials)
    alert = await alerts.add(
        db,
        caller.id,
        symbol=quote.symbol,
        condition=body.condition.value,
        level=level,
        reference=quote.last,
        cooldown=timedelta(seconds=body.cooldown),
        **body.model_dump(include={"repeat", "session_only", "expires_at"}),
    )
    audit.note(request, "alert", alert.id)
    return _view(alert)


@router.get("/{alert_id}", summary="Read an alert", responses=documented(401, 404))
async def read_alert(alert_id: UUID, caller: CurrentUser, db: Db) -> AlertView:
    """One of the caller's own."""
    return _view(await alerts.find(db, caller.id, alert_id))


@router.put("/{alert_id}", summary="Change or pause an alert", responses=documented(400, 401, 404))
async def change_alert(
    alert_id: UUID, body: AlertChange, early: Early, credentials: Bearer, request: Request
) -> AlertView:
    """Sets it anew with what is named, to be judged from the present price on. Symbol and condition stay."""
    audit.note(request, "alert", alert_id, new=body.model_dump(mode="json", exclude_unset=True))
    mine = Principal(user_id=early.id, role=early.role, permissions=early.permissions)
    async with transaction(parts_of(request.scope).engine, mine) as looking:
        symbol = (await alerts.find(looking, early.id, alert_id)).symbol
    if body.status not in {None, AlertStatus.ACTIVE, AlertStatus.PAUSED}:
        raise RuleRefused("An alert is set to active or paused")
    _later(body.expires_at)
    quote = await parts_of(request.scope).quotes.quote(symbol)
    db, caller = await _begun(request, credentials)
    alert = await alerts.find(db, caller.id, alert_id, locked=True)
    by_percent = alert.condition == Condition.PERCENT_MOVE
    if (body.price if by_percent else body.percent) is not None:
        raise RuleRefused("percent_move takes percent, the others take price")
    new = {name: getattr(body, name) for name in body.model_fields_set & {"expires_at"}}
    new |= {name: value for name in ("repeat", "session_only", "status") if (value := getattr(body, name)) is not None}
    if body.price is not None or body.percent is not None:
        new["level"] = _level(body.price, body.percent)
    if body.cooldown is not None:
        new["cooldown"] = timedelta(seconds=body.cooldown)
    return _view(await alerts.change(db, alert, quote, **new))


@router.delete("/{alert_id}", status_code=204, summary="Delete an alert", responses=documented(401, 404))
async def delete_alert(alert_id: UUID, caller: CurrentUser, db: Db, request: Request) -> Response:
    """Takes it away for good."""
    audit.note(request, "alert", alert_id)
    await alerts.delete(db, await alerts.find(db, caller.id, alert_id, locked=True))
    return Response(status_code=204)
