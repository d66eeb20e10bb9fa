"""The chain over the audit log: every row gets its seal, whatever commits when; what an owner does to it is named."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_anchors import AnchorFile
from infra.database import Principal, transaction
from models.audit_chain import COLUMNS, FORMULA, WINDOW, BreakKind, Verification
from models.tables.audit_seals import begin, settle
from models.tables.audit_walk import verify
from tests.factories.audit import add_line, add_lines, sealer, tamper, tampering, verified

LONG_AGO = timedelta(hours=2)
EARLIER = timedelta(hours=1)


async def _rows(engine: AsyncEngine, statement: str) -> list[Any]:
    async with transaction(engine) as session:
        return [tuple(row) for row in (await session.execute(text(statement))).all()]


async def _chain(engine: AsyncEngine) -> list[int]:
    """The ids of the sealed rows in the order of the chain, which has no gap."""
    rows = await _rows(engine, "SELECT chain_seq, audit_id FROM audit_seals ORDER BY chain_seq")
    assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
    return [audit_id for _, audit_id in rows]


def _named(found: Verification) -> tuple[BreakKind, int | None, int | None]:
    assert not found.intact
    assert found.first_break is not None
    return found.first_break.kind, found.first_break.audit_id, found.first_break.chain_seq


async def test_every_row_gets_one_seal(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    ids = await add_lines(owner_engine, 7)
    steps = sealer(worker_engine, batch=3)
    assert (await steps.seal(None)).sealed == 7
    assert (await steps.seal(None)).sealed == 0
    assert await _chain(owner_engine) == ids
    found = await verified(owner_engine)
    assert (found.intact, found.verified, found.waiting, found.sealed_late) == (True, 7, 0, 0)
    assert found.head is not None
    assert found.head.chain_seq == 7


async def test_an_empty_log_is_intact(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    assert (await sealer(worker_engine).seal(None)).sealed == 0
    assert (await verified(owner_engine)).intact


async def test_a_row_that_commits_after_a_higher_id_was_sealed_is_not_skipped(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    steps = sealer(worker_engine)
    async with transaction(owner_engine) as slow:
        late = await add_line(slow)
        (prompt,) = await add_lines(owner_engine, 1)
        assert (await steps.seal(None)).sealed == 1
    (last,) = await add_lines(owner_engine, 1)
    assert (await steps.seal(None)).sealed == 2
    assert await _chain(owner_engine) == [prompt, late, last]
    assert (await verified(owner_engine)).intact


async def test_young_rows_wait_for_those_that_are_about_to_commit(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    await add_lines(owner_engine, 1, ago=timedelta(seconds=30))
    await add_lines(owner_engine, 2)
    assert (await sealer(worker_engine, trailing=timedelta(seconds=20)).seal(None)).sealed == 1
    found = await verified(owner_engine)
    assert (found.intact, found.verified, found.waiting) == (True, 1, 2)


async def test_what_is_settled_is_only_what_nobody_can_still_write_below(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    ids = await add_lines(owner_engine, 3)
    await sealer(worker_engine).seal(None)
    async with transaction(worker_engine) as session:
        run = await begin(session)
        assert run.above == 0  # all of it was sealed just now, and somebody may still have a lower id
        for later, settled in ((WINDOW - timedelta(minutes=1), 0), (WINDOW, ids[-1])):
            await settle(session, run.model_copy(update={"started": run.started + later}))
            assert (await begin(session)).above == settled


async def test_a_sweep_finds_daily_what_no_run_looks_for(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    ids = await add_lines(owner_engine, 3)
    steps = sealer(worker_engine)
    await tamper(
        owner_engine,
        "INSERT INTO audit_seal_progress (settled_id, swept_at) VALUES (:id, now() - interval '23 hours')",
        id=ids[-1],
    )
    assert (await steps.seal(None)).sealed == 0
    await tamper(owner_engine, "UPDATE audit_seal_progress SET swept_at = now() - interval '25 hours'")
    assert (await steps.seal(None)).sealed == 3
    assert await _rows(owner_engine, "SELECT now() - swept_at < interval '1 hour' FROM audit_seal_progress") == [
        (True,)
    ]


async def test_sealers_do_not_get_in_each_others_way(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    written: list[int] = []

    async def write() -> None:
        for _ in range(20):
            written.extend(await add_lines(owner_engine, 3))

    async def seal() -> int:
        steps = sealer(worker_engine, batch=7)
        return sum([(await steps.seal(None)).sealed for _ in range(15)])

    *_, first, second, third = await asyncio.gather(write(), write(), write(), seal(), seal(), seal())
    rest = (await sealer(worker_engine).seal(None)).sealed
    assert first + second + third + rest == len(written) == 180
    assert sorted(await _chain(owner_engine)) == sorted(written)
    assert (await verified(owner_engine)).intact


async def test_a_backlog_is_taken_in_calls_that_end(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    await add_lines(owner_engine, 25)
    steps = sealer(worker_engine, batch=1)
    first = await steps.seal(None)
    second = await steps.seal(first.rest)
    assert first.rest is not None
    assert (first.sealed, second.sealed, second.rest) == (20, 5, None)
    assert (await verified(owner_engine)).verified == 25


async def test_rows_of_an_outage_are_said_to_be_sealed_late(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    await add_lines(owner_engine, 2, ago=LONG_AGO)
    assert _named(await verified(owner_engine))[0] is BreakKind.UNSEALED
    await sealer(worker_engine).seal(None)
    found = await verified(owner_engine)
    assert (found.intact, found.sealed_late) == (True, 2)


async def test_the_formula_covers_every_column(owner_engine: AsyncEngine) -> None:
    columns = await _rows(
        owner_engine,
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'audit_logs' ORDER BY ordinal_position",
    )
    assert tuple(name for (name,) in columns) == COLUMNS[FORMULA], "a new column needs a new formula"


_OTHER = {
    "at": "at + interval '1 microsecond'",
    "user_id": "NULL",
    "session_id": "uuidv7()",
    "old_values": "NULL",
    "new_values": "jsonb_set(new_values, '{limit}', '10.5')",
    "duration_ms": "12.3450",
    "outcome": "'failed'",
    "code": "''",
}


@pytest.mark.parametrize("column", COLUMNS[FORMULA][1:])
async def test_a_changed_row_is_named(owner_engine: AsyncEngine, worker_engine: AsyncEngine, column: str) -> None:
    ids = await add_lines(owner_engine, 4)
    await sealer(worker_engine).seal(None)
    other = _OTHER.get(column, "'other'")
    await tamper(owner_engine, f"UPDATE audit_logs SET {column} = {other} WHERE id = :id", id=ids[2])
    found = await verified(owner_engine)
    assert _named(found) == (BreakKind.CHANGED, ids[2], 3)
    assert found.verified == 2
    assert (await verified(owner_engine, start=4)).intact


@pytest.mark.parametrize("when", ["infinity", "-infinity", "4000-01-01 BC", "294276-12-31"])
async def test_no_time_is_too_strange_to_be_named(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, when: str
) -> None:
    ids = await add_lines(owner_engine, 2)
    await sealer(worker_engine).seal(None)
    await tamper(owner_engine, f"UPDATE audit_logs SET at = '{when}' WHERE id = :id", id=ids[1])
    assert _named(await verified(owner_engine)) == (BreakKind.CHANGED, ids[1], 2)
    await tamper(owner_engine, f"UPDATE audit_seals SET sealed_at = '{when}' WHERE chain_seq = 1")
    assert _named(await verified(owner_engine)) == (BreakKind.SEAL_CHANGED, ids[0], 1)


async def test_a_removed_row_is_named(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    ids = await add_lines(owner_engine, 4)
    await sealer(worker_engine).seal(None)
    await tamper(owner_engine, "DELETE FROM audit_logs WHERE id = :id", id=ids[1])
    assert _named(await verified(owner_engine)) == (BreakKind.REMOVED, ids[1], 2)


async def test_a_renumbered_row_is_named(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    ids = await add_lines(owner_engine, 2)
    await sealer(worker_engine).seal(None)
    async with tampering(owner_engine) as session:
        await session.execute(text("ALTER TABLE audit_logs ALTER id DROP IDENTITY"))
        await session.execute(text("UPDATE audit_logs SET id = -id WHERE id = :id"), {"id": ids[0]})
        found = await verify(session)
        assert _named(found) == (BreakKind.REMOVED, ids[0], 1)
        await session.rollback()


_FORGED = (
    "INSERT INTO audit_logs (id, at, action, outcome) OVERRIDING SYSTEM VALUE"
    " VALUES (:id, clock_timestamp() - CAST(:ago AS interval), 'accounts.update_account', 'done')"
)


async def _log_with_a_gap(owner: AsyncEngine, worker: AsyncEngine) -> tuple[int, int]:
    """Old rows and young ones, sealed, and an id between the old ones that a rolled back transaction left unused."""
    first, gap, _ = await add_lines(owner, 3, ago=LONG_AGO)
    await tamper(owner, "DELETE FROM audit_logs WHERE id = :id", id=gap)
    await sealer(worker).seal(None)
    (last,) = await add_lines(owner, 1)
    await sealer(worker).seal(None)
    assert (await verified(owner)).intact
    assert first < gap < last
    return gap, last


async def test_a_row_put_in_with_an_old_time_is_named_with_and_without_a_seal(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    gap, last = await _log_with_a_gap(owner_engine, worker_engine)
    for forged in (gap, last + 1):
        await tamper(owner_engine, _FORGED, id=forged, ago=EARLIER)
        assert _named(await verified(owner_engine)) == (BreakKind.INSERTED, forged, None)
        await sealer(worker_engine).seal(None)
        assert _named(await verified(owner_engine)) == (BreakKind.INSERTED, forged, 4)
        await tamper(owner_engine, "DELETE FROM audit_seals WHERE chain_seq = 4")
        await tamper(owner_engine, "DELETE FROM audit_logs WHERE id = :id", id=forged)


async def test_a_row_put_into_a_gap_of_the_ids_is_named(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    gap, _ = await _log_with_a_gap(owner_engine, worker_engine)
    await tamper(owner_engine, _FORGED, id=gap, ago=timedelta(0))
    await sealer(worker_engine).seal(None)
    assert _named(await verified(owner_engine)) == (BreakKind.INSERTED, gap, 4)


async def test_a_row_of_the_future_is_named(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    _, last = await _log_with_a_gap(owner_engine, worker_engine)
    await tamper(owner_engine, _FORGED, id=last + 1, ago=-LONG_AGO)
    assert (await sealer(worker_engine).seal(None)).sealed == 0
    assert _named(await verified(owner_engine)) == (BreakKind.INSERTED, last + 1, None)


async def test_a_seal_outside_the_chain_hides_nothing(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    gap, _ = await _log_with_a_gap(owner_engine, worker_engine)
    async with tampering(owner_engine) as session:
        await session.execute(text(_FORGED), {"id": gap, "ago": EARLIER})
        await session.execute(text("ALTER TABLE audit_seals DROP CONSTRAINT audit_seals_chain_seq_check"))
        await session.execute(
            text("INSERT INTO audit_seals VALUES (-1, :id, sha256('row'), sha256('seal'), 1, now())"), {"id": gap}
        )
        assert _named(await verify(session)) == (BreakKind.INSERTED, gap, None)
        await session.rollback()


async def test_a_removed_seal_is_named(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    ids = await add_lines(owner_engine, 5)
    await sealer(worker_engine).seal(None)
    await tamper(owner_engine, "DELETE FROM audit_seals WHERE chain_seq = 2")
    assert _named(await verified(owner_engine)) == (BreakKind.SEAL_REMOVED, ids[1], 2)
    await tamper(owner_engine, "DELETE FROM audit_logs WHERE id = :id", id=ids[1])
    assert _named(await verified(owner_engine)) == (BreakKind.SEAL_REMOVED, None, 2)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("audit_id", "audit_id + 1000000"),
        ("row_hash", "sha256('other')"),
        ("chain_hash", "sha256('other')"),
        ("formula", "2"),
        ("sealed_at", "sealed_at - interval '1 microsecond'"),
    ],
)
async def test_a_changed_seal_is_named(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, column: str, value: str
) -> None:
    ids = await add_lines(owner_engine, 4)
    await sealer(worker_engine).seal(None)
    await tamper(owner_engine, f"UPDATE audit_seals SET {column} = {value} WHERE chain_seq = 2")
    kind, audit_id, seq = _named(await verified(owner_engine))
    assert (kind, seq) == (BreakKind.SEAL_CHANGED, 2)
    assert audit_id == (ids[1] if column != "audit_id" else ids[1] + 1_000_000)


async def test_seals_in_another_order_are_named(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    ids = await add_lines(owner_engine, 5)
    await sealer(worker_engine).seal(None)
    async with tampering(owner_engine) as session:
        for old, new in ((2, 99), (4, 2), (99, 4)):
            moved = text("UPDATE audit_seals SET chain_seq = :new WHERE chain_seq = :old")
            await session.execute(moved, {"old": old, "new": new})
    assert _named(await verified(owner_engine)) == (BreakKind.REORDERED, ids[1], 2)


async def test_rows_exchanged_between_seals_are_named(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    ids = await add_lines(owner_engine, 5)
    await sealer(worker_engine).seal(None)
    async with tampering(owner_engine) as session:
        await session.execute(text("ALTER TABLE audit_seals DROP CONSTRAINT audit_seals_audit_id_key"))
        await session.execute(
            text(
                "UPDATE audit_seals s SET audit_id = o.audit_id, row_hash = o.row_hash FROM audit_seals o"
                " WHERE (s.chain_seq, o.chain_seq) IN ((2, 4), (4, 2))"
            )
        )
        assert _named(await verify(session)) == (BreakKind.REORDERED, ids[1], 2)
        await session.rollback()


async def test_a_seal_moved_to_the_end_is_named(owner_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    ids = await add_lines(owner_engine, 5)
    await sealer(worker_engine).seal(None)
    await tamper(owner_engine, "UPDATE audit_seals SET chain_seq = 6 WHERE chain_seq = 3")
    assert _named(await verified(owner_engine)) == (BreakKind.REORDERED, ids[2], 3)


async def _cut_off(owner: AsyncEngine, ids: list[int], *, rows: bool = True) -> None:
    await tamper(owner, "DELETE FROM audit_seals WHERE audit_id = ANY(:ids)", ids=ids)
    if rows:
        await tamper(owner, "DELETE FROM audit_logs WHERE id = ANY(:ids)", ids=ids)


async def test_an_end_that_was_cut_off_shows_against_a_kept_head_alone(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> None:
    steps, kept = sealer(worker_engine, tmp_path / "heads"), AnchorFile(tmp_path / "heads")
    ids = await add_lines(owner_engine, 5)
    await steps.seal(None)
    await steps.anchor()
    await _cut_off(owner_engine, ids[3:])
    assert (await verified(owner_engine)).intact
    found = await verified(owner_engine, anchors=kept.read())
    assert _named(found) == (BreakKind.TRUNCATED, None, 4)
    assert found.verified == 3
    # And it still shows when the log has grown again; what was kept is not overwritten meanwhile.
    before = kept.read()
    assert "is not there any more" in str((await steps.anchor()).broken)
    fresh = await add_lines(owner_engine, 9)
    await steps.seal(None)
    assert "is not the one that was kept" in str((await steps.anchor()).broken)
    assert kept.read() == before
    assert _named(await verified(owner_engine, anchors=before)) == (BreakKind.REWRITTEN, fresh[1], 5)
    await _cut_off(owner_engine, [*ids[:3], *fresh])
    assert _named(await verified(owner_engine, anchors=before)) == (BreakKind.TRUNCATED, None, 1)


async def test_the_last_seals_cannot_be_taken_away_and_made_again(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> None:
    steps, kept = sealer(worker_engine, tmp_path / "heads"), AnchorFile(tmp_path / "heads")
    ids = await add_lines(owner_engine, 5, ago=EARLIER)
    await steps.seal(None)
    await steps.anchor()
    await _cut_off(owner_engine, ids[2:], rows=False)
    assert _named(await verified(owner_engine)) == (BreakKind.UNSEALED, ids[2], None)
    assert _named(await verified(owner_engine, anchors=kept.read())) == (BreakKind.TRUNCATED, None, 3)
    await tamper(owner_engine, "UPDATE audit_logs SET action = 'nothing' WHERE id = :id", id=ids[4])
    await steps.seal(None)
    assert (await verified(owner_engine)).intact
    assert _named(await verified(owner_engine, anchors=kept.read())) == (BreakKind.REWRITTEN, ids[4], 5)


async def test_heads_are_kept_by_the_hour_and_all_are_compared(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> None:
    steps, kept = sealer(worker_engine, tmp_path / "heads"), AnchorFile(tmp_path / "heads")
    for _ in range(3):
        await add_lines(owner_engine, 2)
        await steps.seal(None)
        await steps.anchor()
        assert (await steps.anchor()).broken is None
    last = kept.read()[-1]
    assert last.chain_seq == 6
    assert len(kept.read()) <= 2  # two where the hour ended just now
    kept.keep(last.model_copy(update={"chain_seq": 7, "sealed_at": last.sealed_at + EARLIER}))
    kept.keep(last.model_copy(update={"chain_seq": 5}))
    assert [head.chain_seq for head in kept.read()][-2:] == [6, 7]
    assert (tmp_path / "heads").stat().st_mode & 0o077 == 0
    (tmp_path / "heads").write_text("{}\n")
    assert "something else" in str((await steps.anchor()).broken)


async def test_nobody_writes_seals_but_the_worker_and_nobody_changes_them(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    await add_lines(owner_engine, 1)
    await sealer(worker_engine).seal(None)
    everything = Principal(user_id=None, role="super_admin", permissions=frozenset({"admin:system", "admin:reports"}))
    forged = (
        "INSERT INTO audit_seals SELECT chain_seq + 1, audit_id + 1, row_hash, chain_hash, formula, sealed_at"
        " FROM audit_seals"
    )
    tries = [(api_engine, forged), (api_engine, "SELECT 1 FROM audit_seal_progress")]
    for engine in (api_engine, worker_engine, owner_engine):
        tries += [
            (engine, "UPDATE audit_seals SET formula = 2"),
            (engine, "DELETE FROM audit_seals"),
            (engine, "TRUNCATE audit_seals"),
        ]
    for engine, statement in tries:
        with pytest.raises(DBAPIError, match=r"permission denied|append-only"):
            async with transaction(engine, everything) as session:
                await session.execute(text(statement))
    async with transaction(api_engine, Principal(user_id=None, role="customer")) as session:
        assert (await session.execute(text("SELECT count(*) FROM audit_seals"))).scalar_one() == 0


async def test_transactions_that_write_the_log_are_bounded(api_engine: AsyncEngine, worker_engine: AsyncEngine) -> None:
    for engine in (api_engine, worker_engine):
        assert await _rows(engine, "SHOW transaction_timeout") == [("10min",)]
