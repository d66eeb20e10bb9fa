"""Processes that are running now go on under this code: recorded histories, one for each way a process can go.

The histories are kept unsealed, so that a review can read them; all people in them are fictional. That a sealed one
replays too is tried in `test_payloads`.

When a replay fails, the change would wedge every running process of that kind. Keep the old path for them behind
`workflow.patched("why")`. A new way of going is recorded with `pytest tests/workflows --record-histories`; a history
that is there is never recorded over to make a failure go away.
"""

import asyncio
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from infra.payloads import data_converter
from infra.sandbox import sandbox
from infra.settings import Settings
from tests.workflows.paths import HISTORIES
from workflows.registry import WORKFLOWS

SETTINGS = Settings(_env_file=None)
RECORDED = sorted(HISTORIES.glob("*.json"))


def test_there_are_histories_of_every_kind_of_process() -> None:
    kinds = {path.name.split(".", 1)[0] for path in RECORDED}
    assert {
        "wire",
        "wire-late-answer",
        "payment",
        "payment-late-answer",
        "payment-ruling",
        "standing-order",
        "notification",
    } <= kinds


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
async def test_a_recorded_process_replays(path: Path) -> None:
    content = await asyncio.to_thread(path.read_text)
    replayer = Replayer(workflows=WORKFLOWS, data_converter=data_converter(SETTINGS), workflow_runner=sandbox())
    await replayer.replay_workflow(WorkflowHistory.from_json(f"replay/{path.stem}", content))
