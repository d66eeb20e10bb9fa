"""A real Temporal server for tests, the one of the embedded stack, in memory."""

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.testing import WorkflowEnvironment

from infra import temporal
from infra.payloads import data_converter
from infra.settings import Settings


@asynccontextmanager
async def temporal_server(*settings: str) -> AsyncIterator[WorkflowEnvironment]:
    """A running server that knows our search attributes, and may skip the time of single workflows.

    `settings`: more of its dynamic configuration, as `name=value`.
    """
    configured = ("frontend.WorkflowTimeSkippingEnabled=true", *settings)
    path = shutil.which("temporal", path=str(Path(sys.executable).parent))
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=path,
        data_converter=data_converter(Settings(_env_file=None)),
        dev_server_log_level="error",
        dev_server_extra_args=[word for one in configured for word in ("--dynamic-config-value", one)],
    ) as environment:
        await temporal.register_search_attributes(environment.client)
        yield environment
