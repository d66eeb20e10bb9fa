"""The sweep as a process: by its schedule's name, over the simulated exchange, once or twice, it tells once."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import text

from infra.database import transaction
from infra.schedules import SCHEDULES
from models.alerts import Swept
from tests.factories import market
from tests.factories.alerts import alert
from tests.workflows.conftest import Desk


async def _run(desk: Desk) -> Swept:
    done: Swept = await desk.client.execute_workflow(
        "price-alert-sweep",
        id=f"price-alert-sweep/{uuid4()}",
        task_queue=desk.settings.task_queue,
        result_type=Swept,
    )
    return done


async def test_a_sweep_fires_what_is_met_and_tells_it_once(desk: Desk) -> None:
    assert SCHEDULES["price-alert-sweep"].workflow == "price-alert-sweep"
    await market.opened(desk.engine)
    await alert(desk.engine, desk.people.customer, "above", "0.01")
    await alert(desk.engine, desk.people.customer, "below", "0.01", symbol="XKEST")
    await alert(desk.engine, desk.people.customer, "above", "0.01", symbol="XNONE")
    ended = await alert(desk.engine, desk.people.customer, "above", "0.01")
    async with transaction(desk.engine) as session:
        await session.execute(
            text("UPDATE price_alerts SET expires_at = now() - interval '1 minute' WHERE id = :id"), {"id": ended}
        )
    done = await _run(desk)
    assert done.priced == done.symbols - 1
    assert await desk.count("price_alert_firings") == 1
    assert await desk.count("notifications WHERE event = 'price_alert'") == 1
    assert await desk.count("price_alerts WHERE status = 'expired'") == 1
    assert (await _run(desk)).fired == 0
    assert await desk.count("price_alert_firings") == 1
    assert SCHEDULES["price-alert-sweep"].spec.intervals[0].every == timedelta(minutes=5)
