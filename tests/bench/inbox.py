"""Files of the bank read per second: one after another, as the inbox reads them, and by four readers of as many folders
in one process, which is what reading several at a time could gain at most.

Each wire takes two files, the bank's acceptance and the notification that our account was debited. The floor of the
second figure is the first.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from activities.bank import BankInbox
from infra.database import connect
from infra.providers.bank import FolderChannel
from models.tables.wires import Wire
from tests.bench.parts import Measure, part
from tests.databases import server
from tests.factories.bank import customer_report, entry, notification
from tests.factories.wires import ordered, people

WIRES: Final = 200
READERS: Final = 4


@part("inbox")
async def inbox() -> AsyncIterator[Measure]:
    """Reading, one after another and several at a time."""
    with server() as running, tempfile.TemporaryDirectory(prefix="aurum-bench-") as folder:
        database = running.create()
        owner, api = connect(database.owner_url), connect(database.api_url)
        worker = connect(database.worker_url, pool_size=2 * READERS)
        try:
            everybody = await people(owner)
            wires = [await ordered(api, everybody, amount_minor=1_00) for _ in range(2 * WIRES)]
            # By turns, so that neither has the better half of the run.
            alone, together = 0.0, 0.0
            for turn in range(2):
                half = wires[turn * WIRES : (turn + 1) * WIRES]
                alone += await _read(worker, Path(folder) / f"alone-{turn}", half[: WIRES // 2], 1)
                together += await _read(worker, Path(folder) / f"together-{turn}", half[WIRES // 2 :], READERS)
            one_by_one = 2 * WIRES / alone
            yield Measure("inbox.files", one_by_one, "files/s")
            yield Measure("inbox.four_at_a_time", 2 * WIRES / together, "files/s", floor=one_by_one)
        finally:
            for engine in (owner, api, worker):
                await engine.dispose()


async def _read(worker: AsyncEngine, folder: Path, wires: list[Wire], readers: int) -> float:
    """Seconds to read two files of each wire by so many readers, each in a folder of its own."""
    inboxes = []
    for number in range(readers):
        place = folder / str(number)
        (place / "inbox").mkdir(parents=True)
        for wire in wires[number::readers]:
            (place / "inbox" / f"1-{wire.id}.xml").write_bytes(_accepted(wire))
            (place / "inbox" / f"2-{wire.id}.xml").write_bytes(_debited(wire))
        inboxes.append(BankInbox(worker, FolderChannel(place / "outbox", place / "inbox")))
    began = perf_counter()
    taken = await asyncio.gather(*(one.read_waiting() for one in inboxes))
    took = perf_counter() - began
    assert sum(taken) == 2 * len(wires)
    return took


def _accepted(wire: Wire) -> bytes:
    group = "<OrgnlMsgId>A</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>"
    payment = f"<OrgnlEndToEndId>{wire.end_to_end_id}</OrgnlEndToEndId><TxSts>ACSP</TxSts>"
    return customer_report(
        f"<OrgnlGrpInfAndSts>{group}</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>A</OrgnlPmtInfId>"
        f"<TxInfAndSts>{payment}</TxInfAndSts></OrgnlPmtInfAndSts>"
    )


def _debited(wire: Wire) -> bytes:
    payment = (
        f"<TxDtls><Refs><EndToEndId>{wire.end_to_end_id}</EndToEndId></Refs>"
        '<Amt Ccy="USD">1.00</Amt><CdtDbtInd>DBIT</CdtDbtInd></TxDtls>'
    )
    code = "<BkTxCd><Prtry><Cd>OTHR</Cd></Prtry></BkTxCd>"
    return notification(entry("DBIT", details=f"{code}<NtryDtls>{payment}</NtryDtls>"))
