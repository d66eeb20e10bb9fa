"""What is written while a request or a step is worked on is marked with the request that asked for it."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.audit import Outcome
from models.correlation import NOTHING, Correlation, correlated, correlation
from models.tables.audit import AuditEntry, append
from models.tables.outbox import enqueue

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OF_A_STEP = AuditEntry(user_id=None, actor_role="worker", action="kyc.scan_document", outcome=Outcome.DONE)


async def test_rows_name_the_request_and_the_trace(worker_engine: AsyncEngine) -> None:
    async with transaction(worker_engine) as session:
        await enqueue(session, workflow="wire", workflow_id="wire/1", argument={})
        with correlated(Correlation("order.1", PARENT)):
            await enqueue(session, workflow="wire", workflow_id="wire/2", argument={})
            await enqueue(session, workflow="wire", workflow_id="wire/3", argument={}, request_id="order.2")
            await append(session, OF_A_STEP)
        rows = await session.execute(text("SELECT request_id, trace_parent FROM outbox ORDER BY id"))
        assert [tuple(row) for row in rows] == [(None, None), ("order.1", PARENT), ("order.2", PARENT)]
        told = await session.execute(text("SELECT request_id FROM audit_logs WHERE action = 'kyc.scan_document'"))
        assert told.scalar_one() == "order.1"
    assert correlation() is NOTHING
