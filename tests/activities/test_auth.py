"""The hourly clean-up: what ended long ago goes, what is in use or young stays, and a second run finds nothing."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.auth import AuthSteps
from infra.database import transaction
from models.upkeep import UpkeepStep
from tests.factories.belongings import belongings

_TABLES = ("sessions", "refresh_tokens", "email_tokens", "challenge_uses")


async def _left(owner: AsyncEngine) -> list[int]:
    async with transaction(owner) as session:
        return [(await session.execute(text(f"SELECT count(*) FROM {name}"))).scalar_one() for name in _TABLES]


async def test_only_what_ended_long_ago_is_taken_out(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    await belongings(owner_engine, api_engine)
    steps = AuthSteps(worker_engine)
    now = datetime.now(UTC)
    for days, removed, left in ((0, (0, 0), [1, 1, 1, 1]), (32, (3, 1), [0, 0, 0, 0]), (32, (0, 0), [0, 0, 0, 0])):
        step = UpkeepStep(at=now + timedelta(days=days))
        done = await ActivityEnvironment().run(steps.clean_up_sessions, step)
        assert (done.tokens, done.sessions) == removed
        assert await _left(owner_engine) == left
