"""Lines of the audit log sealed and verified per second, by the sealer's own steps and the walk of `audit-verify`.

The floor of sealing is how fast the same server takes the lines in, by one statement for each 10,000; that of verifying
is how fast the same process reads as many rows of the log, without looking at them. `AUDIT_ROWS=1000000` for more.
"""

import os
import resource
from collections.abc import AsyncIterator
from datetime import timedelta
from time import perf_counter
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.audit import AuditSteps
from infra.database import connect, transaction
from models.tables.audit_seals import TEXTS
from models.tables.audit_walk import BATCH, verify
from tests.bench.parts import Aim, Measure, part
from tests.databases import server

ROWS: Final = int(os.environ.get("AUDIT_ROWS", "200000"))
_STEP: Final = 10_000
_LINES: Final = text(
    "INSERT INTO audit_logs (user_id, actor_role, action, resource_type, resource_id, new_values, ip_address,"
    " user_agent, session_id, request_id, duration_ms, outcome)"
    " SELECT uuidv7(), 'customer', 'wires.create_wire', 'wire', CAST(uuidv7() AS text), jsonb_build_object('amount', n,"
    " 'recipient_name', 'H***', 'currency', 'EUR', 'reference', 'Invoice ' || n), '192.0.2.7',"
    " 'Mozilla/5.0 (X11; Linux x86_64)', uuidv7(), md5(CAST(n AS text)), 12.345, 'done'"
    " FROM generate_series(1, CAST(:count AS integer)) n"
)
_READ: Final = text(
    f"SELECT a.id, {', '.join(TEXTS[1:])} FROM audit_logs a WHERE a.id > :after ORDER BY a.id LIMIT :batch"
)


@part("audit")
async def audit() -> AsyncIterator[Measure]:
    """Sealing, verifying, and the memory that verifying takes."""
    with server() as running:
        database = running.create()
        owner, worker = connect(database.owner_url), connect(database.worker_url)
        try:
            written = await _write(owner)
            sealed = await _seal(worker)
            yield Measure("audit.seal", sealed, "rows/s", floor=written)
            read = await _read(owner)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            yield Measure("audit.verify", await _verify(owner), "rows/s", floor=read)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            yield Measure("audit.verify.memory", grown, "MiB more", aim=Aim(32, at_least=False))
        finally:
            await owner.dispose()
            await worker.dispose()


async def _write(owner: AsyncEngine) -> float:
    began = perf_counter()
    for _ in range(ROWS // _STEP):
        async with transaction(owner) as session:
            await session.execute(_LINES, {"count": _STEP})
    return ROWS / (perf_counter() - began)


async def _seal(worker: AsyncEngine) -> float:
    steps = AuditSteps(worker, None, trailing=timedelta(0))
    began = perf_counter()
    report = await steps.seal(None)
    sealed = report.sealed
    while report.rest is not None:
        report = await steps.seal(report.rest)
        sealed += report.sealed
    assert sealed == ROWS
    return ROWS / (perf_counter() - began)


async def _read(owner: AsyncEngine) -> float:
    began, after = perf_counter(), 0
    async with transaction(owner) as session:
        while rows := (await session.execute(_READ, {"after": after, "batch": BATCH})).all():
            after = rows[-1][0]
    return ROWS / (perf_counter() - began)


async def _verify(owner: AsyncEngine) -> float:
    began = perf_counter()
    async with transaction(owner) as session:
        found = await verify(session)
    assert found.intact
    assert found.verified == ROWS
    return ROWS / (perf_counter() - began)
