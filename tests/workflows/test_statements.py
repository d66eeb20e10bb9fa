"""The process of a month's statements on a real server: all once, resumed where it was killed, told once."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleSpec,
)

from activities import statements as steps
from models.statements import AccountRun, StatementRun, moments_of
from tests.factories import statements as make
from tests.factories.damage import damage
from tests.factories.users import add_customer
from tests.workflows.conftest import Desk, until
from workflows import statements as process

OCTOBER = "2026-10"


async def _customers(desk: Desk, count: int) -> list[UUID]:
    """Customers with an account each that had something to tell in October."""
    begins_at = moments_of(OCTOBER)[0]
    accounts = []
    for _ in range(count):
        customer = await add_customer(desk.engine)
        account = await make.opened(desk.engine, customer.id, "EUR", begins_at)
        await make.booked(desk.engine, account, "EUR", [(begins_at + timedelta(days=1), 100_00)])
        accounts.append(account)
    return accounts


async def _run(client: Client, queue: str, period: str = OCTOBER) -> dict[str, int]:
    made: dict[str, int] = await client.execute_workflow(
        "statements", StatementRun(period=period), id=f"statements/{uuid4()}", task_queue=queue
    )
    return made


async def test_everybody_has_their_statements_once_and_is_told_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Small pages, so that a few customers are several pages and the process goes on as a new run.
    monkeypatch.setattr(steps, "CUSTOMERS_OF_A_PAGE", 1)
    monkeypatch.setattr(steps, "PAGES_OF_A_PLAN", 2)
    monkeypatch.setattr(process, "_PLANS", 1)
    await _customers(desk, 3)
    # A customer of the desk has two accounts, which were opened after the month and have no statement of it.
    for _ in range(2):
        made = await _run(desk.client, desk.settings.task_queue)
        assert made == {"statements": 3, "empty": 0, "failed": 0}
    assert await desk.count("statements") == 3
    assert await desk.count("statement_files") == 12
    assert await desk.count("notifications WHERE event = 'statements_ready'") == 3
    kept = [path for path in (desk.settings.store_dir / "statements" / OCTOBER).iterdir() if path.is_file()]
    assert len(kept) == 12


async def test_one_that_cannot_be_made_keeps_no_other_from_being_made(desk: Desk) -> None:
    accounts = await _customers(desk, 2)
    # A balance that no posting bears out.
    await damage(desk.engine, "UPDATE postings SET balance_after_minor = 5 WHERE account_id = :id", id=accounts[0])
    handle = await desk.client.start_workflow(
        "statements", StatementRun(period=OCTOBER), id=f"statements/{uuid4()}", task_queue=desk.settings.task_queue
    )
    with pytest.raises(Exception, match="Workflow execution failed"):
        await handle.result()
    assert await desk.count("statements") == 1
    assert await desk.count("notifications WHERE event = 'statements_failed'") == 1
    assert (await handle.query("progress"))["made"] == {"statements": 1, "empty": 0, "failed": 1}


async def test_the_month_is_that_of_the_time_a_run_was_due(desk: Desk) -> None:
    (account,) = await _customers(desk, 1)
    schedule_id = f"monthly-statements-{uuid4()}"
    due = datetime(2026, 11, 1, 3, 30, tzinfo=UTC)
    schedule = await desk.client.create_schedule(
        schedule_id,
        Schedule(
            action=ScheduleActionStartWorkflow(
                "monthly-statements", id=schedule_id, task_queue=desk.settings.task_queue
            ),
            spec=ScheduleSpec(cron_expressions=["30 4 1 * *"], time_zone_name="Europe/Amsterdam"),
        ),
    )
    try:
        await schedule.backfill(ScheduleBackfill(due - timedelta(seconds=1), due + timedelta(seconds=1)))
        await until(lambda: desk.count(f"statements WHERE account_id = '{account}' AND period = '{OCTOBER}'"), bool)
        result = await desk.client.get_workflow_handle(f"statements/{OCTOBER}").result()
        assert result["statements"] == 1
    finally:
        await schedule.delete()


async def test_one_account_is_made_up_and_corrected(desk: Desk) -> None:
    account, _ = await _customers(desk, 2)
    for reason, versions in (("", 1), ("The name was misspelt", 2)):
        run = AccountRun(period=OCTOBER, account_id=account, reason=reason)
        await desk.client.execute_workflow(
            "account-statement", run, id=f"statements/{uuid4()}", task_queue=desk.settings.task_queue
        )
        assert await desk.count("statements") == versions
        await damage(
            desk.engine,
            "UPDATE users SET last_name = 'Otherwise' WHERE id = (SELECT user_id FROM accounts WHERE id = :id)",
            id=account,
        )
    assert await desk.count("notifications WHERE event = 'statements_ready'") == 1
    assert await desk.count("notifications WHERE event = 'statement_corrected'") == 1


async def test_two_who_make_the_same_statement_make_one(desk: Desk) -> None:
    (account,) = await _customers(desk, 1)
    run = AccountRun(period=OCTOBER, account_id=account)
    await asyncio.gather(
        *(
            desk.client.execute_workflow(
                "account-statement", run, id=f"statements/{uuid4()}", task_queue=desk.settings.task_queue
            )
            for _ in range(4)
        )
    )
    assert await desk.count("statements") == 1
    # What the others had stored is gone.
    assert len(list((desk.settings.store_dir / "statements" / OCTOBER).iterdir())) == 4
