"""The commands about the approval matrix: what is printed can be published, and a bad one is refused with its rows."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.databases import Database
from tests.factories.approval import as_shipped
from tests.infra.test_ledger_commands import Operator


@pytest.fixture
def operator(database: Database) -> Operator:
    """An operator of the database of this test."""
    return Operator(database)


async def test_what_is_printed_is_changed_checked_and_published(
    operator: Operator, owner_engine: AsyncEngine, tmp_path: Path
) -> None:
    file = tmp_path / "matrix.json"
    async with as_shipped(owner_engine):
        status, printed, version = await operator.runs("approval-matrix")
        assert (status, version) == (0, "version 2\n")
        matrix = json.loads(printed)
        matrix["rows"][-1]["approvers"] = []
        file.write_text(json.dumps(matrix))
        publish = ("approval-matrix-publish", str(file), "--note", "Small and known ones pass")
        status, out, err = await operator.runs(*publish, "--check")
        assert (status, out) == (0, "It could be published.\n")
        assert err == "The row small_and_known lets wires leave that no officer has seen.\n"
        status, out, _ = await operator.runs(*publish)
        made = json.loads(out)["version"]
        assert (status, (await operator.runs("approval-matrix"))[2]) == (0, f"version {made}\n")
        async with transaction(owner_engine) as session:
            line = await session.execute(
                text(
                    "SELECT resource_id, new_values ->> 'note' FROM audit_logs WHERE action = 'approval.publish_matrix'"
                )
            )
            assert line.one() == (str(made), "Small and known ones pass")


async def test_a_bad_matrix_is_refused_with_its_rows(operator: Operator, tmp_path: Path) -> None:
    file = tmp_path / "matrix.json"
    rows = [{"name": "large", "over": 1000, "approvers": []}, {"name": "rest", "approvers": ["officer"]}]
    file.write_text(json.dumps({"rows": rows}))
    status, _, err = await operator.runs("approval-matrix-publish", str(file), "--note", "x")
    assert status == 1
    assert "the row large asks for nobody where a wire with less risk takes officer by the row rest" in err
    file.write_text("no matrix")
    status, _, err = await operator.runs("approval-matrix-publish", str(file), "--note", "x")
    assert (status, "Invalid JSON" in err) == (1, True)
    status, _, err = await operator.runs("approval-matrix-publish", str(tmp_path / "none.json"), "--note", "x")
    assert (status, "No such file" in err) == (1, True)
