"""What operators say of the exchange's days (migration 0023): it stands before the rule, and in the audit log."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.audit import Outcome
from models.errors import NotFound, RuleRefused, WrongState
from models.market.sessions import Session
from models.tables.audit import AuditEntry, append

_DAY: Final = text("SELECT opens_at, closes_at, early, closed, source FROM market_days WHERE day = :day FOR UPDATE")
_SAY: Final = text(
    "INSERT INTO market_days (day, opens_at, closes_at, early, closed, source)"
    " VALUES (:day, :opens_at, :closes_at, :early, :closed, 'operator') ON CONFLICT (day) DO UPDATE"
    " SET opens_at = excluded.opens_at, closes_at = excluded.closes_at, early = excluded.early,"
    " closed = excluded.closed, source = excluded.source"
)
_RULE: Final = text(
    "INSERT INTO market_days (day, opens_at, closes_at, early) VALUES (:day, :opens_at, :closes_at, :early)"
)


async def close(
    session: AsyncSession, day: date, *, at: datetime | None, reason: str, operator: str, today: date
) -> None:
    """Says that the exchange stays shut on `day`, or shuts at `at`. Raises `NotFound` where it has no session that day
    anyway, and `RuleRefused` for a day that is over and a time outside of the session."""
    before = await _known(session, day, today)
    if before is None or (before["closed"] and at is None):
        raise NotFound("the exchange has no session on that day")
    if at is not None and not before["opens_at"] < at:
        raise RuleRefused("it would close before it opens")
    said = {
        "opens_at": before["opens_at"],
        "closes_at": before["closes_at"] if at is None else at,
        "early": before["early"] if at is None else True,
        "closed": at is None,
    }
    await session.execute(_SAY, {"day": day, **said})
    await append(session, _line("market.close_day", day, before, {**said, "reason": reason, "operator": operator}))


async def hold(session: AsyncSession, held: Session, *, reason: str, operator: str, today: date) -> None:
    """Says that the exchange holds that session, whatever the rule says of its day. Raises `RuleRefused`."""
    before = await _known(session, held.day, today)
    if held.opens_at >= held.closes_at:
        raise RuleRefused("it would close before it opens")
    said = {"opens_at": held.opens_at, "closes_at": held.closes_at, "early": held.early, "closed": False}
    await session.execute(_SAY, {"day": held.day, **said})
    await append(session, _line("market.open_day", held.day, before, {**said, "reason": reason, "operator": operator}))


async def take_back(
    session: AsyncSession, day: date, rule: Session | None, *, reason: str, operator: str, today: date
) -> None:
    """Takes back what an operator said of `day`: it is as `rule` has it, or no session where that is None. Raises
    `RuleRefused` for a day that is over, and `WrongState` where nobody said anything."""
    before = await _known(session, day, today)
    if before is None or before["source"] != "operator":
        raise WrongState("no operator has said anything of that day")
    await session.execute(text("DELETE FROM market_days WHERE day = :day"), {"day": day})
    if rule is not None:
        await session.execute(_RULE, rule.model_dump())
    await append(session, _line("market.reopen_day", day, before, {"reason": reason, "operator": operator}))


async def unusual(session: AsyncSession, year: int) -> list[dict[str, Any]]:
    """The days of a year that close early, and those of which an operator said something, in order."""
    rows = await session.execute(
        text(
            "SELECT day, opens_at, closes_at, early, closed, source FROM market_days"
            " WHERE extract(year FROM day) = :year AND (early OR source = 'operator') ORDER BY day"
        ),
        {"year": year},
    )
    return [dict(row) for row in rows.mappings()]


async def _known(session: AsyncSession, day: date, today: date) -> Mapping[str, Any] | None:
    last = (await session.execute(text("SELECT max(day) FROM market_days"))).scalar_one()
    if last is None or not today <= day <= last:
        raise RuleRefused(f"the exchange's days can be changed from {today} until {last or 'they are filled in'}")
    row = (await session.execute(_DAY, {"day": day})).mappings().one_or_none()
    return None if row is None else dict(row)


def _line(action: str, day: date, old: Mapping[str, Any] | None, new: Mapping[str, Any]) -> AuditEntry:
    return AuditEntry(
        user_id=None,
        actor_role="system",
        action=action,
        resource_type="market_day",
        resource_id=str(day),
        old_values=dict(old) if old else None,
        new_values=dict(new),
        outcome=Outcome.DONE,
    )
