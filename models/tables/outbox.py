"""What has to reach Temporal, written with the change that it follows from (design §4)."""

import json
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.correlation import correlation

_INSERT: Final = text(
    "INSERT INTO outbox (workflow, workflow_id, argument, summary, request_id, trace_parent)"
    " VALUES (:workflow, :workflow_id, CAST(:argument AS jsonb), :summary, :request_id, :trace_parent)"
)
_ENQUEUED: Final = "enqueued"


async def enqueue(
    session: AsyncSession,
    *,
    workflow: str,
    workflow_id: str,
    argument: dict[str, Any],
    summary: str = "",
    request_id: str | None = None,
) -> None:
    """Asks that the process `workflow_id` runs and is woken, once the caller's transaction is committed.

    Asking twice is harmless: the id is a business key, and a process that runs already is only woken. The row is marked
    with what the work of this moment belongs to (`models.correlation`), unless `request_id` says another request.
    """
    belongs_to = correlation()
    await session.execute(
        _INSERT,
        {
            "workflow": workflow,
            "workflow_id": workflow_id,
            "argument": json.dumps(argument),
            "summary": summary,
            "request_id": request_id or belongs_to.request_id,
            "trace_parent": belongs_to.trace_parent,
        },
    )
    session.info[_ENQUEUED] = True


def has_enqueued(session: AsyncSession) -> bool:
    """Whether something was enqueued in `session`, so that whoever commits it knows to nudge the dispatcher."""
    return bool(session.info.get(_ENQUEUED))
