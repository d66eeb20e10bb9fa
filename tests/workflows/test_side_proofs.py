"""The proofs beside the books as processes: what is open and what is running, and the roll-ups."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.client import Client
from temporalio.service import RetryConfig
from temporalio.testing import ActivityEnvironment

from activities.side_proofs import SideProofSteps
from infra.database import transaction
from infra.schedules import SCHEDULES
from models.side_proofs import HOLD_RULE, PROCESS_RULE, SideProof
from models.tables.transactions import insights
from models.upkeep import RolledUp, RunStep
from tests.factories.damage import damage
from tests.workflows.conftest import Desk, until


async def _run(desk: Desk, workflow: str, result: type[Any] = SideProof) -> Any:
    assert SCHEDULES[workflow].workflow == workflow
    return await desk.client.execute_workflow(
        workflow, id=f"{workflow}/{uuid4()}", task_queue=desk.settings.task_queue, result_type=result
    )


async def _waiting_wire(desk: Desk) -> UUID:
    """A wire that has waited for an hour, as far as its rows say."""
    wire_id = await desk.order()
    await desk.reaches(wire_id, "awaiting_approval")
    hour = "now() - interval '1 hour'"
    await damage(desk.engine, f"UPDATE holds SET placed_at = {hour}", f"UPDATE wire_transfers SET updated_at = {hour}")
    # The server lists a process moments after it has begun.
    listed = f"TaskQueue = '{desk.settings.task_queue}' AND WorkflowType = 'wire' AND ExecutionStatus = 'Running'"
    await until(lambda: _count(desk.client, listed), lambda count: count == 1)
    return wire_id


async def _count(client: Client, query: str) -> int:
    return (await client.count_workflows(query)).count


async def test_holds_and_running_processes_name_each_other(desk: Desk) -> None:
    wire_id = await _waiting_wire(desk)
    proof = await _run(desk, "process-proof")
    assert (proof.proven, proof.checked, proof.finding_count) == (True, 2, 0)
    # Twice the step, once the proof.
    assert await desk.count("side_proofs") == 1

    # A row that has ended, and a process that goes on as if it had not.
    await damage(desk.engine, "UPDATE wire_transfers SET status = 'expired'", "UPDATE holds SET status = 'released'")
    proof = await _run(desk, "process-proof")
    assert [(one.rule, one.subject) for one in proof.findings] == [(PROCESS_RULE, f"wire/{wire_id}")]
    back = ("UPDATE wire_transfers SET status = 'awaiting_approval'", "UPDATE holds SET status = 'open'")
    await damage(desk.engine, *back)

    # A hold whose process is gone: operations are told once, and posting goes on.
    await desk.process(wire_id).terminate("a test")
    for _ in range(2):
        proof = await _run(desk, "process-proof")
        assert [(one.rule, one.subject) for one in proof.findings] == [(HOLD_RULE, f"wire/{wire_id}")]
    letters = "notifications WHERE event = 'operations.processes' AND body LIKE '%open_hold%'"
    assert await desk.count(letters) == 1
    assert await desk.count("ledger_freezes") == 0
    assert await desk.count("side_proofs WHERE proven") == 4


async def test_what_has_just_begun_is_no_orphan_and_a_blocked_wire_without_a_process_is(desk: Desk) -> None:
    wire_id = await _waiting_wire(desk)
    await desk.process(wire_id).terminate("a test")
    await damage(desk.engine, "UPDATE holds SET placed_at = now()")
    assert (await _run(desk, "process-proof")).finding_count == 0
    past = "UPDATE holds SET placed_at = now() - interval '1 hour'"
    await damage(desk.engine, past, "UPDATE wire_transfers SET status = 'blocked'")
    assert (await _run(desk, "process-proof")).finding_count == 1


async def test_nothing_is_proven_while_temporal_does_not_say_what_runs(
    worker_engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    nowhere = await Client.connect(
        "127.0.0.1:9", lazy=True, retry_config=RetryConfig(max_elapsed_time_millis=100, max_retries=1)
    )
    step = RunStep(at=datetime.now(UTC), run="r")
    proof = await ActivityEnvironment(client=nowhere).run(SideProofSteps(worker_engine).prove_processes, step)
    assert not proof.proven
    assert proof.note.startswith("Temporal does not say what runs")
    assert proof.state(proof.at) == "not_proven"
    async with transaction(owner_engine) as session:
        assert (await session.execute(text("SELECT proven FROM side_proofs"))).scalars().all() == [False]


async def test_roll_ups_are_made_and_proven_and_made_anew_when_they_are_wrong(desk: Desk) -> None:
    done = await _run(desk, "flow-rollup", RolledUp)
    assert done.lines in {0, 2}  # 0 when the step ran twice and the second found nothing
    assert not done.more
    proof = await _run(desk, "flow-proof")
    assert (proof.proven, proof.checked, proof.finding_count) == (True, 2, 0)
    await damage(desk.engine, "UPDATE account_flows SET in_minor = 1")
    proof = await _run(desk, "flow-proof")
    assert {one.rule for one in proof.findings} == {"flow_in_is_sum_of_postings"}
    assert await desk.count("account_flows") == 0
    await _run(desk, "flow-rollup", RolledUp)
    assert (await _run(desk, "flow-proof")).finding_count == 0
    async with transaction(desk.engine) as session:
        since = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        (sums,) = await insights.moved(session, [desk.people.usd_account], since, datetime.now(UTC))
        assert sums.in_minor == 10_000_000_00


async def test_old_data_is_taken_out_and_what_is_read_stays(desk: Desk) -> None:
    async with transaction(desk.engine) as session:
        for days in (0, 29, 32):
            values = {"user": desk.people.customer, "days": days}
            await session.execute(
                text(
                    "INSERT INTO limit_uses (user_id, family, currency, amount_minor, transaction_id, at)"
                    " VALUES (:user, 'transfer', 'EUR', 1, uuidv7(), now() - make_interval(days => :days))"
                ),
                values,
            )
            await session.execute(
                text(
                    "INSERT INTO idempotency_keys (user_id, key, route, request_hash, created_at)"
                    " VALUES (:user, 'k' || CAST(:days AS integer), 'POST /', sha256('h'),"
                    " now() - make_interval(days => :days))"
                ),
                values,
            )
        # What a source told is told on for a while; that it knows nothing, or said nothing, is not.
        await session.execute(
            text(
                "INSERT INTO market_answers (key, answer, told_at, fresh_until, asking_until)"
                " SELECT key, CAST(answer AS jsonb), told, told, now() - interval '2 hours' FROM (VALUES"
                " ('old', '{}', now() - interval '31 days'), ('stale', '{}', now() - interval '29 days'),"
                " ('unknown', '{\"aurum\": \"symbol_not_found\"}', now() - interval '1 hour'),"
                " ('unanswered', NULL, NULL),"
                " ('unknown for now', '{\"aurum\": \"symbol_not_found\"}', now() + interval '20 hours'))"
                " AS known (key, answer, told)"
            )
        )
        await session.execute(
            text("INSERT INTO market_answers (key, asking_until) VALUES ('being asked', now() + interval '1 hour')")
        )
    removed = await desk.client.execute_workflow(
        "data-cleanup", id=f"data-cleanup/{uuid4()}", task_queue=desk.settings.task_queue
    )
    assert (removed["limit_uses"], removed["answers"], removed["market_answers"]) in {(0, 0, 0), (1, 2, 3)}
    async with transaction(desk.engine) as session:
        kept = await session.execute(text("SELECT key FROM market_answers ORDER BY key"))
        assert list(kept.scalars()) == ["being asked", "stale", "unknown for now"]
    assert await desk.count("limit_uses") == 2
    assert await desk.count("idempotency_keys") == 1
