"""Ten thousand customers under living KYC: a daily look that opens what is due, against a process that sleeps for each.

Both are measured on the same servers in the same run. The look is over ten thousand approved customers, spread over
their three years as a bank's are; the sleeping processes are fewer, and their memory is told for each, since a server
that keeps ten thousand of them does little else. Events: a review's own, in its simplest way, times the reviews in a
year, against a process that is woken by a timer once a day or goes from notice to notice.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import psutil
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio import workflow
from temporalio.client import Client
from temporalio.worker import Worker

from activities.kyc import KycDesk, LifeSteps
from infra.database import connect, transaction
from infra.local.locks import living
from infra.local.parts import Part
from infra.local.stack import Stack
from infra.settings import Settings
from models.kyc.process import Sweep
from tests.bench.parts import Aim, Measure, part
from tests.bench.stacks import temporal_client, whole_stack
from tests.factories.wires import sanctions_list

CUSTOMERS: Final = 10_000
YEARS_BETWEEN: Final = 3
SLEEPERS: Final = 1_000
AT_ONCE: Final = 50


@workflow.defn(name="bench.life", sandboxed=False)
class LifeWorkflow:
    """The other design: one process for each customer, asleep until something is due."""

    @workflow.run
    async def run(self) -> None:
        """Sleeps until the next notice."""
        await workflow.sleep(timedelta(days=365))


async def _populate(engine: AsyncEngine) -> None:
    async with transaction(engine) as session:
        await session.execute(
            text(
                "INSERT INTO users (email, first_name, last_name, kyc_status, address, kyc_review_due)"
                " SELECT n || '@bench.example', 'Customer', 'Number ' || n, 'approved',"
                ' \'{"town": "Utrecht", "country": "NL"}\', now() + interval \'90 days\''
                " + (n % (365 * :years)) * interval '1 day' + interval '1 hour' FROM generate_series(1, :n) n"
            ),
            {"n": CUSTOMERS, "years": YEARS_BETWEEN},
        )
        await session.execute(text("ANALYZE users"))


async def _all_pages(step: Any, at: datetime) -> tuple[float, int]:
    """Runs a step until nothing is left; seconds, and how many reviews it opened."""
    began, opened, after = time.perf_counter(), 0, None
    while True:
        page = await step(Sweep(at=at, after=after))
        opened, after = opened + page.opened, page.after
        if after is None and (page.opened == 0 or page.looked_at):
            return time.perf_counter() - began, opened


def _memory(stack: Stack) -> int:
    """Bytes of the Temporal server, by itself."""
    process = psutil.Process(living(stack.site.folder)[Part.TEMPORAL].pid)
    return sum(one.memory_info().rss for one in (process, *process.children(recursive=True)))


async def _asleep(stack: Stack, client: Client) -> float:
    """Bytes that the server keeps for each process that sleeps."""
    queue = f"bench-{uuid4()}"
    async with Worker(client, task_queue=queue, workflows=[LifeWorkflow], max_cached_workflows=0):
        before = _memory(stack)
        places = asyncio.Semaphore(AT_ONCE)

        async def start(number: int) -> None:
            async with places:
                await client.start_workflow("bench.life", id=f"bench-life/{queue}/{number}", task_queue=queue)

        await asyncio.gather(*(start(number) for number in range(SLEEPERS)))
        await asyncio.sleep(5)
        return (_memory(stack) - before) / SLEEPERS


@part("kyc")
async def kyc() -> AsyncIterator[Measure]:
    """Measures both designs over a whole stack."""
    with whole_stack() as stack:
        engine = connect(stack.site.owner_url, pool_size=4)
        try:
            await _populate(engine)
            await sanctions_list(engine, "bench")
            life = LifeSteps(KycDesk.of(Settings(_env_file=None), engine))
            now = datetime.now(UTC)
            quiet, opened = await _all_pages(life.open_due, now)
            yield Measure("kyc.look_when_little_is_due", quiet, "s", aim=Aim(5, at_least=False))
            busy, opened = await _all_pages(life.open_due, now + timedelta(days=1))
            yield Measure("kyc.look_of_a_day", busy, "s", aim=Aim(10, at_least=False))
            yield Measure("kyc.reviews_opened_a_day", opened, "reviews")
            screened, _ = await _all_pages(life.rescreen, now)
            yield Measure("kyc.all_screened_after_a_list_change", screened, "s", aim=Aim(60, at_least=False))
            open_share = 90 / (365 * YEARS_BETWEEN)
            yield Measure("kyc.open_processes", CUSTOMERS * open_share, "processes", floor=CUSTOMERS)
            client = await temporal_client(stack)
            each = await _asleep(stack, client)
            yield Measure("kyc.memory_of_a_sleeping_process", each / 1024, "KiB")
            yield Measure("kyc.memory_of_ten_thousand", each * CUSTOMERS / 1024**2, "MiB")
        finally:
            await engine.dispose()
