"""The sessions of the exchange, what sources have told, and their budgets, as they are kept (migration 0023)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.market.sessions import Session, Sessions

# What an operator has said of a day stands before the rule.
_FILL: Final = text(
    "INSERT INTO market_days (day, opens_at, closes_at, early)"
    " SELECT * FROM unnest(CAST(:days AS date[]), CAST(:opens AS timestamptz[]), CAST(:closes AS timestamptz[]),"
    " CAST(:early AS boolean[]))"
    " ON CONFLICT (day) DO UPDATE SET opens_at = excluded.opens_at, closes_at = excluded.closes_at,"
    " early = excluded.early WHERE market_days.source = 'rule' AND (market_days.opens_at, market_days.closes_at)"
    " IS DISTINCT FROM (excluded.opens_at, excluded.closes_at)"
)
# Whoever gets a row asks the source; the others see that somebody does.
_CLAIM: Final = text(
    "INSERT INTO market_answers (key, asking_until) VALUES (:key, clock_timestamp() + :lease)"
    " ON CONFLICT (key) DO UPDATE SET asking_until = excluded.asking_until"
    " WHERE coalesce(market_answers.asking_until, '-infinity') < clock_timestamp()"
    " AND coalesce(market_answers.fresh_until, '-infinity') <= clock_timestamp() RETURNING key"
)


async def fill(session: AsyncSession, days: Sequence[Session]) -> None:
    """Keeps the sessions of the rule. Safe to repeat."""
    await session.execute(
        _FILL,
        {
            "days": [one.day for one in days],
            "opens": [one.opens_at for one in days],
            "closes": [one.closes_at for one in days],
            "early": [one.early for one in days],
        },
    )


async def sessions(session: AsyncSession) -> Sessions:
    """Every session that is known."""
    rows = await session.execute(
        text("SELECT day, opens_at, closes_at, early FROM market_days WHERE NOT closed ORDER BY day")
    )
    return Sessions([Session.model_construct(**row) for row in rows.mappings()])


async def told(session: AsyncSession, key: str) -> tuple[Any, datetime, bool] | None:
    """What was told under `key`, when, and whether it is fresh; None where nothing ever was."""
    found = await session.execute(
        text(
            "SELECT answer, told_at, fresh_until > clock_timestamp() AS fresh FROM market_answers"
            " WHERE key = :key AND answer IS NOT NULL"
        ),
        {"key": key},
    )
    row = found.one_or_none()
    return None if row is None else (row.answer, row.told_at, row.fresh)


async def told_of(session: AsyncSession, keys: Sequence[str]) -> list[tuple[Any, datetime, bool]]:
    """What was told under these `keys`, each with when and whether it is fresh, in any order."""
    found = await session.execute(
        text(
            "SELECT answer, told_at, coalesce(fresh_until > clock_timestamp(), false) AS fresh FROM market_answers"
            " WHERE key = ANY(CAST(:keys AS text[])) AND answer IS NOT NULL"
        ),
        {"keys": list(keys)},
    )
    return [(row.answer, row.told_at, row.fresh) for row in found]


async def claim(session: AsyncSession, key: str, lease: timedelta) -> bool:
    """Whether the caller is the one who asks the source for `key`, for the time of `lease`."""
    return (await session.execute(_CLAIM, {"key": key, "lease": lease})).scalar_one_or_none() is not None


async def keep(session: AsyncSession, key: str, answer: Any, fresh_until: datetime) -> None:
    """Keeps what was told under `key`."""
    await session.execute(
        text(
            "INSERT INTO market_answers (key, answer, told_at, fresh_until)"
            " VALUES (:key, CAST(:answer AS jsonb), clock_timestamp(), :fresh_until)"
            " ON CONFLICT (key) DO UPDATE SET answer = excluded.answer, told_at = excluded.told_at,"
            " fresh_until = excluded.fresh_until, asking_until = NULL"
        ),
        {"key": key, "answer": orjson.dumps(answer).decode(), "fresh_until": fresh_until},
    )


async def give_up(session: AsyncSession, key: str, pause: timedelta) -> None:
    """Nothing was told: whoever wants `key` next may ask again after `pause`."""
    await session.execute(
        text("UPDATE market_answers SET asking_until = clock_timestamp() + :pause WHERE key = :key"),
        {"key": key, "pause": pause},
    )


async def ask(session: AsyncSession, source: str, *, a_day: int | None, pause: timedelta, patience: timedelta) -> float:
    """Takes a call from the budget of `source`: the seconds to wait for its turn. -1: the day's are spent; -2: more
    than `patience` would pass."""
    found = await session.execute(
        text("SELECT market_ask(:source, :a_day, :pause, :patience)"),
        {"source": source, "a_day": a_day, "pause": pause, "patience": patience},
    )
    return float(found.scalar_one())


async def spent(session: AsyncSession, source: str, until: datetime) -> None:
    """The source says that it answers no more until then."""
    await session.execute(text("SELECT market_spent(:source, :until)"), {"source": source, "until": until})
