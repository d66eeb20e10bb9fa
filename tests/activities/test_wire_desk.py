"""Who the desk tells, what it tells them, and what it screens."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables import wires
from models.wires import WireStep
from models.wires.compliance import Ruling
from tests.activities.test_wire_races import Bench
from tests.factories import wires as make
from tests.factories.users import add_officer

SOMEBODY = make.LISTED[0].model_copy(update={"aliases": ("Der Fischer",)})


@pytest.fixture
async def bench(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Bench:
    """A desk without processes."""
    made = Bench(owner_engine, api_engine, worker_engine, tmp_path)
    made.people = await make.people(owner_engine)
    return made


async def _told(bench: Bench) -> list[tuple[str, str]]:
    async with transaction(bench.owner) as session:
        rows = await session.execute(text("SELECT event, user_id::text FROM notifications"))
        return [(row[0], row[1]) for row in rows]


async def test_staff_that_has_a_right_by_its_preset_is_told(bench: Bench) -> None:
    people = {
        preset: str((await add_officer(bench.owner, preset)).id)
        for preset in ("compliance_officer", "senior_compliance_officer", "operations", "auditor", "super_admin")
    }
    wire_id = await bench.awaiting()
    await bench.deadline(wire_id)
    told = await _told(bench)
    approvers = {people[preset] for preset in ("compliance_officer", "senior_compliance_officer", "super_admin")}
    seniors = approvers - {people["compliance_officer"]}
    for event, expected in (("wire.reminded", approvers), ("wire.escalated", seniors), ("wire.breached", seniors)):
        assert {person for name, person in told if name == event} & set(people.values()) == expected


@pytest.mark.parametrize(
    "name",
    [
        "V\u034fi\u034fk\u034ft\u034fo\u034fr G\u034fr\u034fi\u034fm\u034fs\u034fh\u034fo\u034fl\u034fm",
        "V\u200di\u200dk\u200dt\u200do\u200dr G\u200dr\u200di\u200dm\u200ds\u200dh\u200do\u200dl\u200dm",
        "Виктор Гримшолм",
        "Vіktоr Grіmshоlm",
    ],
)
async def test_what_the_bank_would_read_is_screened(bench: Bench, name: str) -> None:
    wire = await make.ordered(bench.api, bench.people, recipient_name=name)
    state = await bench.approval.screen(WireStep(wire_id=wire.id, at=datetime.now(UTC)))
    assert (state.status, state.compliance_status) == ("blocked", "hit")


async def test_the_mail_does_not_tell_why_a_similar_name_was_refused(bench: Bench) -> None:
    wire = await make.ordered(bench.api, bench.people, recipient_name="Viktor Grimsholmm")
    step = WireStep(wire_id=wire.id, at=datetime.now(UTC))
    await bench.approval.screen(step)
    await make.ruled(bench.api, bench.people, wire.id, Ruling.CLEAR)
    await bench.approval.route(step)
    await make.sanctions_list(bench.owner, "2026-11-02", entries=(SOMEBODY, make.LISTED[1]))
    assert (await bench.approval.review(step)).compliance_status == "in_review"
    async with transaction(bench.api, bench.people.as_officer()) as session:
        await wires.reject(session, wire.id, bench.people.officers[0], senior=False, reason="same person as AD-1")
    await bench.approval.conclude(step)
    async with transaction(bench.owner) as session:
        body = (
            await session.execute(text("SELECT body FROM notifications WHERE event = 'wire.rejected'"))
        ).scalar_one()
    assert "AD-1" not in body
