"""Alerts on prices as they are kept, and their sweep (migration 0023)."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CursorResult, DateTime, Interval, Numeric, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col, func, select
from uuid_utils.compat import uuid7

from models.alerts import MOST_ALERTS, AlertStatus, Firing, TooManyAlerts, fired
from models.errors import NotFound
from models.market import Quote
from models.tables.notifications import Message, tell_many

_MOMENT: Final = DateTime(timezone=True)
_PRICE: Final = Numeric(18, 6)


class PriceAlert(SQLModel, table=True):
    """An alert of a customer. `level` is a price, or of percent_move per cent."""

    __tablename__ = "price_alerts"

    id: UUID = Field(default_factory=uuid7, primary_key=True)
    user_id: UUID
    symbol: str
    condition: str
    level: Decimal = Field(sa_type=_PRICE)
    reference: Decimal = Field(sa_type=_PRICE)
    repeat: bool = False
    cooldown: timedelta = Field(default=timedelta(hours=1), sa_type=Interval)
    session_only: bool = False
    expires_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    status: str = Field(default="active", sa_column_kwargs={"server_default": "active"})
    set_at: datetime | None = Field(default=None, sa_type=_MOMENT, sa_column_kwargs={"server_default": func.now()})
    fresh: bool = True
    times: int = 0
    last_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    last_price: Decimal | None = Field(default=None, sa_type=_PRICE)
    created_at: datetime | None = Field(default=None, sa_type=_MOMENT, sa_column_kwargs={"server_default": func.now()})


_ADD: Final = text(
    "INSERT INTO price_alerts (id, user_id, symbol, condition, level, reference, repeat, cooldown, session_only,"
    " expires_at) VALUES (:id, :user_id, :symbol, :condition, :level, :reference, :repeat, :cooldown, :session_only,"
    " :expires_at)"
)
_SWEEP: Final = text(
    "SELECT * FROM sweep_price_alerts(CAST(:symbols AS text[]), CAST(:prices AS numeric[]), CAST(:moves AS numeric[]),"
    " CAST(:moments AS timestamptz[]), CAST(:days AS date[]), CAST(:running AS boolean[]), CAST(:splits AS numeric[]),"
    " :at)"
)


async def add(session: AsyncSession, user_id: UUID, **values: Any) -> PriceAlert:
    """Sets an alert. Raises `TooManyAlerts`; two at once count each other."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:who, 0))"), {"who": f"price_alerts/{user_id}"}
    )
    held = select(func.count()).where(PriceAlert.user_id == user_id)
    if (await session.execute(held)).scalar_one() >= MOST_ALERTS:
        raise TooManyAlerts(f"You can have {MOST_ALERTS} alerts; delete one that you need no more")
    await session.execute(
        text("INSERT INTO market_prices (symbol) VALUES (:symbol) ON CONFLICT DO NOTHING"), {"symbol": values["symbol"]}
    )
    alert_id = uuid7()
    await session.execute(_ADD, {"id": alert_id, "user_id": user_id, **values})
    return await find(session, user_id, alert_id)


async def find(session: AsyncSession, user_id: UUID, alert_id: UUID, *, locked: bool = False) -> PriceAlert:
    """That alert of that customer. Raises `NotFound`."""
    query = select(PriceAlert).where(PriceAlert.id == alert_id, PriceAlert.user_id == user_id)
    if locked:
        query = query.with_for_update()
    found = (await session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()
    if found is None:
        raise NotFound("There is no such alert")
    return found


async def change(session: AsyncSession, alert: PriceAlert, quote: Quote, **values: Any) -> PriceAlert:
    """Sets an alert anew: it is judged from the price of now on."""
    for name, value in values.items():
        setattr(alert, name, value)
    alert.reference, alert.set_at, alert.fresh = quote.last, datetime.now(UTC), True
    await session.flush()
    return alert


async def delete(session: AsyncSession, alert: PriceAlert) -> None:
    """Takes an alert away, and what it has fired; what was written to its customer stays."""
    await session.delete(alert)
    await session.flush()


async def watched(session: AsyncSession) -> list[str]:
    """The symbols that have an active alert."""
    rows = await session.execute(
        text(
            "SELECT m.symbol FROM market_prices m WHERE EXISTS (SELECT FROM price_alerts a"
            " WHERE a.symbol = m.symbol AND a.status = 'active' AND NOT a.fresh) OR EXISTS (SELECT FROM price_alerts a"
            " WHERE a.symbol = m.symbol AND a.status = 'active' AND a.fresh) ORDER BY 1"
        )
    )
    return list(rows.scalars())


async def expire(session: AsyncSession, at: datetime) -> int:
    """Ends the alerts whose time is over, and says how many they were."""
    ended: CursorResult[tuple[()]] = await session.execute(  # type: ignore[assignment] # an UPDATE gives a cursor
        text(
            f"UPDATE price_alerts SET status = '{AlertStatus.EXPIRED}'"  # noqa: S608 # a constant
            " WHERE status IN ('active', 'paused') AND expires_at <= :at"
        ),
        {"at": at},
    )
    return ended.rowcount


async def sweep(session: AsyncSession, quotes: Sequence[Quote], running: Sequence[bool], at: datetime) -> list[Firing]:
    """Compares `quotes` with those swept before, records what fires and tells it, all in the caller's transaction.

    `running`: whether each was told within a session. Safe to repeat, and from several workers at once.
    """
    rows = await session.execute(
        _SWEEP,
        {
            "symbols": [one.symbol for one in quotes],
            "prices": [one.last for one in quotes],
            "moves": [one.change_percent for one in quotes],
            "moments": [one.as_of for one in quotes],
            "days": [one.session_date for one in quotes],
            "running": list(running),
            "splits": [one.split for one in quotes],
            "at": at,
        },
    )
    firings = [Firing.model_validate(dict(row)) for row in rows.mappings()]
    await tell_many(session, [_message(firing) for firing in firings])
    return firings


def _message(firing: Firing) -> Message:
    letter = fired(firing)
    return Message(
        user_id=firing.user_id,
        key=f"alert/{firing.alert_id}/{firing.number}",
        event="price_alert",
        subject=letter.subject,
        body=letter.body,
    )


def alerts_of(user_id: UUID) -> Any:
    """The alerts of a customer, for a page of them."""
    return select(PriceAlert).where(col(PriceAlert.user_id) == user_id)
