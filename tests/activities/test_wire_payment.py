"""The order to the bank in the profile of banks among banks, by the steps that write it in the other one."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from lxml import etree
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from infra.settings import BankHours, BankProfile
from models.tables import calendars
from models.wires import WireStep
from tests.activities.test_wire_races import Bench
from tests.factories import wires as make


async def test_a_wire_leaves_as_pacs008_in_the_swift_profile(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> None:
    bench = Bench(owner_engine, api_engine, worker_engine, tmp_path, bank_profile=BankProfile.SWIFT)
    bench.people = await make.people(owner_engine)
    wire_id = await bench.sent()
    (file,) = bench.outbox.glob("*.xml")
    content = await asyncio.to_thread(file.read_bytes)
    async with transaction(owner_engine) as session:
        row = await session.execute(
            text(
                "SELECT m.message_type, m.content, w.uetr"
                " FROM bank_messages m JOIN wire_transfers w ON w.id = m.wire_id"
                " WHERE w.id = :id"
            ),
            {"id": wire_id},
        )
        message_type, stored, uetr = row.one()
    assert (message_type, bytes(stored)) == ("pacs.008.001.08", content)
    assert [element.text for element in etree.fromstring(content).iter("{*}UETR")] == [str(uetr)]


async def test_an_approval_after_the_cut_off_rolls_to_the_next_value_date(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> None:
    bench = Bench(owner_engine, api_engine, worker_engine, tmp_path, bank_hours=BankHours.CALENDAR)
    bench.people = await make.people(owner_engine)
    wednesday = datetime(2026, 11, 25, 17, 45, tzinfo=ZoneInfo("America/New_York"))
    async with transaction(worker_engine) as session:
        await calendars.top_up(session, wednesday.date())
    wire_id = await bench.awaiting()
    await bench.approve(wire_id)
    # Thursday is Thanksgiving.
    opening = datetime(2026, 11, 27, 8, tzinfo=ZoneInfo("America/New_York"))
    state = await bench.payment.release(WireStep(wire_id=wire_id, at=wednesday))
    assert (state.status, state.look_again_at, state.value_date) == ("approved", opening, None)
    async with transaction(owner_engine) as session:
        await calendars.close_day(
            session, "USD", opening.date(), name="Storm", closes=None, operator="olga", today=wednesday.date()
        )
    state = await bench.payment.release(WireStep(wire_id=wire_id, at=opening))
    assert (state.status, state.look_again_at) == ("approved", opening + timedelta(days=3))
    state = await bench.payment.release(WireStep(wire_id=wire_id, at=opening + timedelta(days=3)))
    assert (state.status, state.value_date) == ("released", date(2026, 11, 30))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("kyc_status = 'rejected'", "kyc_rejected"),
        ("kyc_status = 'expired', kyc_restriction = 'frozen'", "kyc_expired"),
        ("kyc_restriction = 'limited'", "kyc_review_overdue"),
        ("status = 'frozen'", "customer_frozen"),
    ],
)
async def test_a_wire_of_somebody_who_may_not_send_money_by_now_does_not_leave(
    owner_engine: AsyncEngine,
    api_engine: AsyncEngine,
    worker_engine: AsyncEngine,
    tmp_path: Path,
    change: str,
    code: str,
) -> None:
    bench = Bench(owner_engine, api_engine, worker_engine, tmp_path)
    bench.people = await make.people(owner_engine)
    wire_id = await bench.awaiting()
    await bench.approve(wire_id)
    async with transaction(owner_engine) as session:
        await session.execute(text(f"UPDATE users SET {change} WHERE id = :id"), {"id": bench.people.customer})
    for _ in range(2):
        state = await bench.payment.release(WireStep(wire_id=wire_id, at=datetime.now(UTC)))
        assert (state.status, state.reason_code) == ("failed", code)
    assert await bench.ended_legally(wire_id, 0) == ("failed", 0)
    assert not list(bench.outbox.glob("*.xml"))
