"""The order to the bank in the profile of banks among banks, by the steps that write it in the other one."""

import asyncio
from pathlib import Path

from lxml import etree
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from infra.settings import BankProfile
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
