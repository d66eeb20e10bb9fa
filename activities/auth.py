"""Upkeep of sign-in: what has ended is taken out, so that these tables stay as small as what is in use."""

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import CursorResult, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from temporalio import activity

from infra.database import transaction
from models.backoff import BACKOFFS, PLACE_LIFETIME
from models.upkeep import Removed, UpkeepStep

# Ended things are kept a while: who asks why they were signed out gets an answer.
KEPT: Final = timedelta(days=30)
BATCH: Final = 1000

_TOKENS: Final = text(
    "DELETE FROM refresh_tokens WHERE token_hash IN"
    " (SELECT token_hash FROM refresh_tokens WHERE expires_at < :before LIMIT :batch FOR UPDATE SKIP LOCKED)"
)
_EMAIL_TOKENS: Final = text(
    "DELETE FROM email_tokens WHERE token_hash IN"
    " (SELECT token_hash FROM email_tokens WHERE expires_at < :before LIMIT :batch FOR UPDATE SKIP LOCKED)"
)
_CHALLENGES: Final = text(
    "DELETE FROM challenge_uses WHERE nonce IN"
    " (SELECT nonce FROM challenge_uses WHERE expires_at < :before LIMIT :batch FOR UPDATE SKIP LOCKED)"
)
# A session goes when it has no token left: then nobody can come back to it.
_SESSIONS: Final = text(
    "DELETE FROM sessions WHERE id IN (SELECT s.id FROM sessions s WHERE s.last_seen_at < :before"
    " AND NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.session_id = s.id) LIMIT :batch FOR UPDATE SKIP LOCKED)"
)


_FAILURES: Final = text(
    "DELETE FROM sign_in_failures WHERE name IN"
    " (SELECT name FROM sign_in_failures WHERE failed_at < :before LIMIT :batch FOR UPDATE SKIP LOCKED)"
)
_PLACES: Final = text(
    "DELETE FROM sign_in_places WHERE place IN"
    " (SELECT place FROM sign_in_places WHERE seen_at < :before LIMIT :batch FOR UPDATE SKIP LOCKED)"
)
# A guesser leaves many rows, and none counts for longer than this.
_FORGOTTEN: Final = timedelta(seconds=2 * max(policy.forgotten for policy in BACKOFFS.values()))


class AuthSteps:
    """The upkeep of sessions and tokens."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @activity.defn(name="auth.clean_up_sessions")
    async def clean_up_sessions(self, step: UpkeepStep) -> Removed:
        """Takes out tokens and challenges that expired, and sessions without tokens, more than `KEPT` before `step.at`.

        Safe to repeat: what is gone is gone.
        """
        before = step.at - KEPT
        expired = [await self._all(statement, before) for statement in (_TOKENS, _EMAIL_TOKENS, _CHALLENGES)]
        return Removed(
            tokens=sum(expired),
            sessions=await self._all(_SESSIONS, before),
            failures=await self._all(_FAILURES, step.at - _FORGOTTEN)
            + await self._all(_PLACES, step.at - PLACE_LIFETIME),
        )

    async def _all(self, statement: Any, before: Any) -> int:
        removed = 0
        while True:
            async with transaction(self._engine) as session:
                taken = await _take(session, statement, before)
            removed += taken
            activity.heartbeat(removed)
            if taken < BATCH:
                return removed


async def _take(session: AsyncSession, statement: Any, before: Any) -> int:
    result: CursorResult[Any] = await session.execute(statement, {"before": before, "batch": BATCH})  # type: ignore[assignment] # a DELETE gives a cursor
    return result.rowcount
