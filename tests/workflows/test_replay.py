"""Processes that are running now go on under this code: recorded histories, one for each way a process can go.

When a replay fails, the change would wedge every running process of that kind. Keep the old path for them behind
`workflow.patched("why")`. A new way of going is recorded with `pytest tests/workflows --record-histories`; a history
that is there is never recorded over to make a failure go away.
"""

import asyncio
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from infra.sandbox import sandbox
from tests.workflows.paths import HISTORIES
from workflows.registry import WORKFLOWS

RECORDED = sorted(HISTORIES.glob("*.json"))


def test_there_are_histories_of_every_kind_of_process() -> None:
    kinds = {path.name.split(".", 1)[0] for path in RECORDED}
    assert {"wire", "wire-late-answer", "payment", "payment-late-answer", "standing-order", "notification"} <= kinds


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_process_replays(path: Path) -> None:
    content = await asyncio.to_thread(path.read_text)
    replayer = Replayer(workflows=WORKFLOWS, data_converter=pydantic_data_converter, workflow_runner=sandbox())
    await replayer.replay_workflow(WorkflowHistory.from_json(f"replay/{path.stem}", content))
