"""SIGKILL of the worker in the middle of what it does for many: a sweep of price alerts, the statements of a month.

What was begun is done, and once: each firing is recorded and told once, each account has one statement with its files,
each customer one letter. A killed step is missed after half a minute (`workflows.alerts`, `workflows.statements`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

import psycopg
import pytest
from temporalio.client import Client

from infra import temporal
from infra.database import connect
from infra.local.parts import Part
from infra.settings import Settings
from models.statements import StatementRun, moments_of
from tests.factories import statements as make
from tests.factories.users import add_customer
from tests.journeys.scene import Scene

pytestmark = pytest.mark.crash

PERIOD: Final = "2026-10"
# Three pages of customers.
CUSTOMERS: Final = 60
SYMBOL: Final = "XALDE"


def with_temporal(scene: Scene, act: Callable[[Client], Awaitable[Any]]) -> Any:
    """What `act` answers, given a client of the scene's Temporal."""

    async def run() -> Any:
        return await act(await scene.temporal())

    try:
        return asyncio.run(run())
    finally:
        temporal.release_clients()


def start(scene: Scene, workflow: str, process: str, *argument: Any) -> None:
    """Starts a process."""
    queue = Settings(_env_file=None).task_queue
    with_temporal(scene, lambda client: client.start_workflow(workflow, args=argument, id=process, task_queue=queue))


def result(scene: Scene, process: str) -> Any:
    """What a process ends with."""

    async def wait(client: Client) -> Any:
        return await asyncio.wait_for(client.get_workflow_handle(process).result(), 180)

    return with_temporal(scene, wait)


@contextmanager
def price_locked(scene: Scene) -> Iterator[None]:
    """Nobody else's sweep gets past the price of the symbol in this block, or commits."""
    with psycopg.connect(scene.owner_url) as connection:
        connection.execute("SELECT FROM market_prices WHERE symbol = %s FOR UPDATE", [SYMBOL])
        yield


def waits_for_the_price(scene: Scene) -> bool:
    """Whether a sweep stands at that lock."""
    return bool(
        scene.rows(
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%%sweep_price_alerts%%'"
        )
    )


def set_alert(scene: Scene) -> str:
    """The customer sets an alert that the next sweep fires. Its id."""
    # The worker fills the exchange's calendar when it starts.
    assert scene.until(lambda: scene.call("GET", "/market/status", "customer").is_success)
    alert = {"symbol": SYMBOL, "condition": "above", "price": "0.01"}
    answer = scene.call("POST", "/alerts", "customer", json=alert)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def fired(scene: Scene, alert: str) -> tuple[int, int, int]:
    """How often an alert has fired by its row, by what was recorded, and how often that was told."""
    (row,) = scene.rows(
        "SELECT times, (SELECT count(*) FROM price_alert_firings f WHERE f.alert_id = a.id) AS recorded,"
        " (SELECT count(*) FROM notifications n WHERE n.key LIKE 'alert/' || a.id || '/%%') AS told"
        " FROM price_alerts a WHERE a.id = CAST(%(id)s AS uuid)",
        id=alert,
    )
    return row["times"], row["recorded"], row["told"]


def sent(scene: Scene, prefix: str) -> list[str]:
    """The letters of these keys whose mail has left, each as often as there is a file of it."""
    rows = scene.rows(
        "SELECT CAST(id AS text) FROM notifications WHERE key LIKE %(prefix)s || '%%' AND status = 'sent' ORDER BY id",
        prefix=prefix,
    )
    left = {path.stem for path in scene.mails}
    return [row["id"] for row in rows if row["id"] in left]


@pytest.mark.parametrize("point", ["before alerts.sweep", "in its transaction", "after alerts.sweep"])
def test_a_sweep_that_is_killed_fires_and_tells_once(scene: Scene, point: str) -> None:
    alert, process = set_alert(scene), f"price-alert-sweep/{uuid4()}"
    if point == "in its transaction":
        with price_locked(scene):
            start(scene, "price-alert-sweep", process)
            assert scene.until(lambda: waits_for_the_price(scene))
            scene.kill(Part.WORKER)
    else:
        held = scene.want(process, point)
        start(scene, "price-alert-sweep", process)
        assert scene.until(lambda: scene.held([held]))
        scene.kill(Part.WORKER)
        scene.free([held], dead=[Part.WORKER])
    scene.start(Part.WORKER)
    result(scene, process)
    assert fired(scene, alert) == (1, 1, 1)
    # The next sweep compares with what this one has left.
    again = f"price-alert-sweep/{uuid4()}"
    start(scene, "price-alert-sweep", again)
    result(scene, again)
    assert fired(scene, alert) == (1, 1, 1)
    assert scene.until(lambda: len(sent(scene, f"alert/{alert}/")) == 1)


def test_a_month_that_is_killed_has_every_statement_once(scene: Scene) -> None:
    asyncio.run(a_month_of_customers(scene.owner_url))
    process = f"statements/{PERIOD}"
    held = scene.want(process, "after statements.make_page")
    start(scene, "statements", process, StatementRun(period=PERIOD))
    assert scene.until(lambda: scene.held([held]))
    scene.kill(Part.WORKER)
    scene.free([held], dead=[Part.WORKER])
    made = scene.rows("SELECT count(*) AS made FROM statements WHERE period = %(period)s", period=PERIOD)[0]["made"]
    assert made > 0
    scene.start(Part.WORKER)
    assert result(scene, process) == {"statements": CUSTOMERS, "empty": 0, "failed": 0}
    (row,) = scene.rows(
        "SELECT count(*) AS statements, count(DISTINCT account_id) AS accounts, (SELECT count(*) FROM statement_files f"
        " JOIN statements s ON s.id = f.statement_id WHERE s.period = %(period)s) AS files,"
        " (SELECT count(*) FROM notifications WHERE event = 'statements_ready') AS letters"
        " FROM statements WHERE period = %(period)s",
        period=PERIOD,
    )
    assert row == {"statements": CUSTOMERS, "accounts": CUSTOMERS, "files": 4 * CUSTOMERS, "letters": CUSTOMERS}
    assert scene.until(lambda: len(sent(scene, f"statements/{PERIOD}/")) == CUSTOMERS)


async def a_month_of_customers(owner_url: str) -> None:
    """Customers with an account each that had something to tell in that month."""
    begins_at = moments_of(PERIOD)[0]
    owner = connect(owner_url)
    try:
        for _ in range(CUSTOMERS):
            customer = await add_customer(owner)
            account = await make.opened(owner, customer.id, "EUR", begins_at)
            await make.booked(owner, account, "EUR", [(begins_at + timedelta(days=1), 100_00)])
    finally:
        await owner.dispose()
