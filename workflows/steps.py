"""How a process that may live for weeks takes a step: in the database cheaply, and without growing while it cannot;
outside so that another worker soon takes it over when its own dies."""

from collections.abc import Callable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import TimeoutError as StepTimeout

from workflows.policies import AT_ONCE, DATABASE, DATABASE_SECONDS, PROVIDER, PROVIDER_HEARTBEAT, PROVIDER_SECONDS


async def database_step(step: Callable[[Any, Any], Any], argument: Any, summary: str) -> Any:
    """Runs `step`, a method of an activity class, with `argument`, until it ends; gives what it answers.

    First as a local activity, one event where all is well. When its attempts are used up (`AT_ONCE`), as an activity
    that is tried for ever: an outage of hours leaves a dozen events and no more. So a step may have run before it runs
    again, as each may. Raises `ApplicationError`, by itself or in an `ActivityError`, for a refusal that trying again
    does not change.
    """
    try:
        return await workflow.execute_local_activity_method(
            step,
            argument,
            start_to_close_timeout=DATABASE_SECONDS,
            schedule_to_close_timeout=DATABASE_SECONDS,
            retry_policy=AT_ONCE,
            summary=summary,
        )
    except (ActivityError, ApplicationError) as error:
        if not _worth_trying(error):
            raise
    return await workflow.execute_activity_method(
        step,
        argument,
        start_to_close_timeout=DATABASE_SECONDS,
        retry_policy=DATABASE,
        summary=f"{summary}, after a first failure",
    )


async def provider_step(step: Callable[[Any, Any], Any], argument: Any, summary: str) -> Any:
    """Runs `step`, which touches the bank's folders or who delivers mail, under `heartbeats`, with `argument`, until it
    ends; gives what it answers. A worker that dies in it is missed after `PROVIDER_HEARTBEAT`, and another one takes
    the step."""
    return await workflow.execute_activity_method(
        step,
        argument,
        start_to_close_timeout=PROVIDER_SECONDS,
        heartbeat_timeout=PROVIDER_HEARTBEAT,
        retry_policy=PROVIDER,
        summary=summary,
    )


def _worth_trying(error: ActivityError | ApplicationError) -> bool:
    # What a local activity failed with arrives by itself, or as the cause.
    cause = error.cause if isinstance(error, ActivityError) else error
    return isinstance(cause, StepTimeout) or (isinstance(cause, ApplicationError) and not cause.non_retryable)
