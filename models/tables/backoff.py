"""Failures in a row, counted in the database, so that all processes of the API count together.

Names (an e-mail address, a network) are kept as hashes: a name without an account leaves the same trace as one with.
Functions take a session and never commit. They lock in one order, an address before an account.
"""

import hashlib
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.backoff import BACKOFFS, Counted

_WAIT: Final = text(
    "SELECT coalesce(extract(epoch FROM max(blocked_until) - clock_timestamp()), 0)"
    " FROM sign_in_failures WHERE name = ANY(:names)"
)
# An attempt by somebody who has failed often enough takes the moment for itself: of two at once, in whichever
# processes, the second finds it taken.
_CLAIM: Final = text(
    "UPDATE sign_in_failures SET blocked_until = clock_timestamp() + make_interval(secs => :seconds)"
    " WHERE name = :name AND failures = :failures AND blocked_until <= clock_timestamp() RETURNING true"
)
_FAILURES: Final = text(
    "SELECT failures FROM sign_in_failures WHERE name = :name"
    " AND failed_at > clock_timestamp() - make_interval(secs => :forgotten)"
)
_FAIL: Final = text(
    "INSERT INTO sign_in_failures AS kept (name, counted, failures, failed_at, blocked_until)"
    " VALUES (:name, :counted, 1, clock_timestamp(), clock_timestamp())"
    " ON CONFLICT (name) DO UPDATE SET failed_at = clock_timestamp(), failures = CASE"
    " WHEN kept.failed_at > clock_timestamp() - make_interval(secs => :forgotten) THEN kept.failures + 1 ELSE 1 END"
    " RETURNING failures"
)
_BLOCK: Final = text(
    "UPDATE sign_in_failures SET blocked_until ="
    " greatest(blocked_until, clock_timestamp() + make_interval(secs => :seconds)) WHERE name = :name"
)
_FORGET: Final = text("DELETE FROM sign_in_failures WHERE name = :name")
_KNOWN: Final = text(
    "SELECT EXISTS (SELECT FROM sign_in_places WHERE place = :place AND seen_at > clock_timestamp() - :lifetime)"
)
_SEEN: Final = text(
    "INSERT INTO sign_in_places AS kept (place, seen_at) VALUES (:place, clock_timestamp())"
    " ON CONFLICT (place) DO UPDATE SET seen_at = clock_timestamp()"
    " WHERE kept.seen_at < clock_timestamp() - interval '1 day'"
)


def name_of(counted: Counted, *parts: str) -> bytes:
    """What a row is found by."""
    return hashlib.sha256("\x00".join((counted, *parts)).encode()).digest()


async def waiting(session: AsyncSession, names: list[bytes]) -> float:
    """The seconds until an attempt is heard that counts for all of `names`; 0 or less: now."""
    return float((await session.execute(_WAIT, {"names": names})).scalar_one())


async def claim(session: AsyncSession, counted: Counted, name: bytes) -> bool:
    """Takes the attempt of this moment for the caller, where failures are many. False: somebody else has taken it."""
    policy = BACKOFFS[counted]
    found = await session.execute(_FAILURES, {"name": name, "forgotten": policy.forgotten})
    failures = found.scalar_one_or_none() or 0
    seconds = policy.delay(failures)
    if not seconds:
        return True
    claimed = await session.execute(_CLAIM, {"name": name, "failures": failures, "seconds": seconds})
    return claimed.scalar_one_or_none() is True


async def fail(session: AsyncSession, counted: Counted, name: bytes) -> int:
    """Counts a failure, and says how many in a row that is."""
    policy = BACKOFFS[counted]
    values: dict[str, Any] = {"name": name, "counted": counted.value, "forgotten": policy.forgotten}
    failures = int((await session.execute(_FAIL, values)).scalar_one())
    seconds = policy.delay(failures)
    if seconds:
        await session.execute(_BLOCK, {"name": name, "seconds": seconds})
    return failures


async def forget(session: AsyncSession, name: bytes) -> None:
    """Forgets the failures of `name`."""
    await session.execute(_FORGET, {"name": name})


async def is_known(session: AsyncSession, place: bytes, lifetime: timedelta) -> bool:
    """Whether somebody signed in at `place` within `lifetime`."""
    return bool((await session.execute(_KNOWN, {"place": place, "lifetime": lifetime})).scalar_one())


async def remember(session: AsyncSession, place: bytes) -> None:
    """Notes that somebody signed in at `place`."""
    await session.execute(_SEEN, {"place": place})
