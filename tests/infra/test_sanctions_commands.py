"""What operators do to lists on the command line."""

import asyncio
import json
import os
import sys
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.databases import Database
from tests.factories import lists

ROOT = Path(__file__).parents[2]


async def runs(database: Database, *words: str) -> tuple[int, str, str]:
    """Exit status, output and errors of `python -m infra.admin` with these words."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "infra.admin", *words),
        cwd=ROOT,
        env={**os.environ, "AURUM_DATABASE_URL": database.owner_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_file_is_taken_in_refused_and_taken_in_all_the_same(
    database: Database, owner_engine: AsyncEngine, tmp_path: Path
) -> None:
    path = tmp_path / "SDN.XML"
    path.write_text(lists.sdn_xml(lists.filler(40) + lists.BAD_ENTRY), encoding="utf-8")
    words = ("sanctions-import", str(path), "--list", "OFAC-SDN", "--format", "ofac-xml")
    assert (await runs(database, "sanctions-status"))[0] == 1
    status, out, err = await runs(database, *words)
    assert status == 0, err
    assert (
        out
        == "OFAC-SDN is at version 2026-11-20: 43 added, 0 changed, 0 removed. 43 entries read, 1 records malformed.\n"
    )
    assert err.startswith("malformed: 104: name:")
    path.write_text(lists.sdn_xml(), encoding="utf-8")
    status, _, err = await runs(database, *words)
    assert (status, "40 of 43 entries would be gone" in err) == (1, True)
    assert (await runs(database, *words, "--accept-drop"))[0] == 0
    status, out, _ = await runs(database, "sanctions-status")
    assert (status, "OFAC-SDN: 2026-11-20.2, 3 entries, confirmed 0.0 h ago" in out) == (0, True)
    async with transaction(owner_engine) as session:
        rows = await session.execute(
            text("SELECT new_values ->> 'version', new_values ->> 'accept_drop' FROM audit_logs"
                 " WHERE action = 'sanctions.import' ORDER BY id")
        )  # fmt: skip
        assert [tuple(row) for row in rows] == [("2026-11-20", "false"), ("2026-11-20.2", "true")]


async def test_places_under_embargo_are_replaced(database: Database, owner_engine: AsyncEngine, tmp_path: Path) -> None:
    path = tmp_path / "places.json"
    path.write_text(json.dumps({"places": [{"country": "ZZ", "program": "DEMO", "effect": "block"}]}), encoding="utf-8")
    assert (await runs(database, "sanctions-countries", str(path)))[1] == "1 places are under a programme.\n"
    path.write_text('{"places": [{"country": "Zed"}]}', encoding="utf-8")
    assert (await runs(database, "sanctions-countries", str(path)))[0] == 1
    async with transaction(owner_engine) as session:
        rows = await session.execute(text("SELECT country, effect FROM sanctions_countries"))
        assert [tuple(row) for row in rows] == [("ZZ", "block")]
