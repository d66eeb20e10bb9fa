"""Signs of life of a step that touches the outside, so that its place is taken soon after its worker died."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from temporalio import activity

# A third of the shortest silence that a workflow takes for death (workflows/policies.py).
EVERY_SECONDS: Final = 3.0


@asynccontextmanager
async def heartbeats() -> AsyncIterator[None]:
    """Says every few seconds that the step lives, while the block runs. Outside of a worker it says nothing."""
    if not activity.in_activity():
        yield
        return
    beating = asyncio.create_task(_beat())
    try:
        yield
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating


async def _beat() -> None:
    while True:
        activity.heartbeat()
        await asyncio.sleep(EVERY_SECONDS)
