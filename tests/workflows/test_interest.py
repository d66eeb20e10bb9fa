"""Interest on blocked property is booked by a process of its own, and it says what has no rate."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.schedules import SCHEDULES
from models.upkeep import InterestBooked
from models.wires.interest import month_ends
from tests.activities.test_blocked_interest import EURO, JANUARY, Vault
from tests.workflows.conftest import Desk
from tests.workflows.test_wires import in_balance


async def test_the_months_that_are_over_are_booked(
    desk: Desk, owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> None:
    vault = Vault(owner_engine, api_engine, worker_engine, tmp_path)
    vault.people = desk.people
    wire_id = await vault.blocked_on(JANUARY)
    other = await vault.blocked_on(JANUARY, sender_account_id=desk.people.eur_account, **EURO)
    assert SCHEDULES["blocked-interest"].workflow == "blocked-interest"
    before = datetime.now(UTC).date()
    for _ in range(2):
        done = await desk.client.execute_workflow(
            "blocked-interest",
            id=f"blocked-interest/{uuid4()}",
            task_queue=desk.settings.task_queue,
            result_type=InterestBooked,
        )
        assert (done.more, done.without_rate) == (False, ("EUR",))
    ended = [to_day for _, to_day, _ in await vault.kept()]
    # A month may have ended while this ran.
    assert ended in [
        [day.isoformat() for day in month_ends(JANUARY.date(), last)] for last in (before, datetime.now(UTC).date())
    ]
    await in_balance(
        desk,
        f"wire/{wire_id}/seizure",
        f"wire/{other}/seizure",
        *(f"wire/{wire_id}/interest/{to_day}" for to_day in ended),
    )
