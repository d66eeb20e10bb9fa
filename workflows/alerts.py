"""The sweep of price alerts, by its schedule and on demand."""

from datetime import timedelta
from typing import Final

from temporalio import workflow

from activities.alerts import AlertSteps
from models.alerts import Swept
from models.upkeep import UpkeepStep
from workflows.policies import SOURCE, UPKEEP_SECONDS

# A sweep says every three seconds that it lives; the next one is due in five minutes, and would wait for it.
_SILENCE: Final = timedelta(seconds=30)


@workflow.defn(name="price-alert-sweep")
class PriceAlertSweepWorkflow:
    """Sweeps the prices of this moment once."""

    @workflow.run
    async def run(self) -> Swept:
        done: Swept = await workflow.execute_activity_method(
            AlertSteps.sweep,
            UpkeepStep(at=workflow.now()),
            start_to_close_timeout=UPKEEP_SECONDS,
            heartbeat_timeout=_SILENCE,
            retry_policy=SOURCE,
            summary="Compare prices with those swept before",
        )
        workflow.set_current_details(
            f"{done.symbols} symbols have alerts, {done.priced} prices were told, {done.fired} alerts fired,"
            f" {done.expired} expired."
        )
        return done
