"""The figures of the bank: all of them declared, counted right, and read from what is open alone."""

import asyncio
import re
import socket
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import connect, transaction
from infra.exposition import Exposition
from infra.figures import TOLD, DiskSpace, Figures
from infra.settings import Settings
from models.audit import Outcome
from models.tables.audit import AuditEntry, append
from models.tables.audit_seals import seal_next
from models.tables.figures import FIGURES, figures
from tests.factories import wires as make

# Where an old bank has many rows, nearly all of which have ended.
LARGE = {"wire_transfers", "payments", "outbox", "notifications", "bank_messages", "bank_answers", "kyc_cases", "holds"}
LARGE |= {
    "wire_events",
    "payment_events",
    "statements",
    "reconciliation_breaks",
    "audit_logs",
    "audit_seals",
    "screening_cases",
    "sanctions_reports",
    "side_proofs",
    "ledger_proofs",
}
# Told once there has been one.
ONCE_THERE_IS_ONE = {
    *("aurum_ledger_proof_age_seconds", "aurum_ledger_proof_breaches", "aurum_side_proof_age_seconds"),
    *("aurum_side_proof_done", "aurum_side_proof_findings", "aurum_bank_heard_age_seconds"),
    *("aurum_statements_age_seconds", "aurum_list_age_seconds"),
}


async def _counted(engine: AsyncEngine) -> dict[tuple[str, str], float]:
    async with transaction(engine) as session:
        return {(name, label): value for name, label, value in await figures(session)}


async def test_every_figure_is_declared_and_told(worker_engine: AsyncEngine) -> None:
    counted = await _counted(worker_engine)
    named = {name for name, _ in counted}
    assert named <= TOLD.keys()
    assert TOLD.keys() - named <= ONCE_THERE_IS_ONE
    assert all((label == "") == (TOLD[name].label == "") for name, label in counted)


async def test_what_waits_is_counted_with_its_age(
    worker_engine: AsyncEngine, owner_engine: AsyncEngine, api_engine: AsyncEngine
) -> None:
    people = await make.people(owner_engine)
    wire = await make.ordered(api_engine, people)
    counted = await _counted(worker_engine)
    assert counted["aurum_wires", "pending"] == counted["aurum_outbox", ""] == counted["aurum_holds", "wire"] == 1
    assert counted["aurum_wires", "awaiting_approval"] == 0
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE outbox SET created_at = clock_timestamp() - interval '90 seconds'"))
    assert (await _counted(worker_engine))["aurum_outbox_oldest_seconds", ""] >= 90
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE outbox SET dispatched_at = clock_timestamp()"))
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(
            text(
                "UPDATE wire_transfers SET status = 'awaiting_approval',"
                " sla_deadline = clock_timestamp() - interval '1 hour' WHERE id = :id"
            ),
            {"id": wire.id},
        )
    counted = await _counted(worker_engine)
    assert (counted["aurum_outbox", ""], counted["aurum_outbox_oldest_seconds", ""]) == (0, 0)
    assert counted["aurum_overdue", "wire_approval"] == counted["aurum_wires", "awaiting_approval"] == 1


async def test_the_audit_log_waits_from_its_first_row_without_a_seal(
    worker_engine: AsyncEngine, owner_engine: AsyncEngine
) -> None:
    async def waited() -> float:
        return (await _counted(worker_engine))["aurum_audit_unsealed_oldest_seconds", ""]

    assert await waited() == 0
    async with transaction(owner_engine) as session:
        for minutes in (40, 20):
            await append(session, AuditEntry(user_id=None, actor_role="operator", action="test", outcome=Outcome.DONE))
            await session.execute(text("SET LOCAL session_replication_role = replica"))
            await session.execute(
                text(
                    "UPDATE audit_logs SET at = clock_timestamp() - make_interval(mins => :minutes)"
                    " WHERE id = (SELECT max(id) FROM audit_logs)"
                ),
                {"minutes": minutes},
            )
    assert await waited() >= 40 * 60
    # No sweep has ended, as nearly always: what counts is what waits.
    async with transaction(worker_engine) as session:
        sealed = await seal_next(session, 0, batch=1)
    assert sealed is not None
    assert 20 * 60 <= await waited() < 40 * 60
    async with transaction(worker_engine) as session:
        await seal_next(session, sealed[0].audit_id)
    assert await waited() == 0


async def test_the_figures_are_read_without_what_has_ended(owner_engine: AsyncEngine) -> None:
    async with transaction(owner_engine) as session:
        # Tables of a test are small, and read whole where nothing forbids it.
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join((await session.execute(text(f"EXPLAIN (COSTS OFF) {FIGURES}"))).scalars())
    read_whole = set(re.findall(r"Seq Scan on (\w+)", plan))
    assert read_whole.isdisjoint(LARGE), plan


async def _told(address: str, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        return await client.get(f"http://{address}{path}", headers=headers)


@pytest.fixture
def address() -> str:
    """A place to listen at that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def test_the_worker_tells_who_shows_the_token(worker_engine: AsyncEngine, address: str, tmp_path: Path) -> None:
    registry, working = CollectorRegistry(), [True]
    registry.register(Figures(worker_engine, asyncio.get_running_loop(), 60))
    registry.register(DiskSpace({"store": tmp_path, "log": tmp_path / "not-there-yet"}))
    exposition = Exposition(address, registry, SecretStr("a-token-for-prometheus"), lambda: working[0])
    try:
        assert (await _told(address, "/metrics")).status_code == 401
        assert (await _told(address, "/metrics", Authorization="Bearer another")).status_code == 401
        shown = await _told(address, "/metrics", Authorization="Bearer a-token-for-prometheus")
        assert 'aurum_wires{status="pending"} 0.0' in shown.text
        assert "aurum_figures_up 1.0" in shown.text
        assert re.findall(r'aurum_disk_free_bytes\{place="(\w+)"\}', shown.text) == ["store"]
        assert (await _told(address, "/health")).status_code == (await _told(address, "/ready")).status_code == 200
        working[0] = False
        assert (await _told(address, "/ready")).status_code == 503
        assert (await _told(address, "/else")).status_code == 404
    finally:
        exposition.close()


def test_each_folder_that_is_written_to_is_watched(tmp_path: Path) -> None:
    ours = Settings(_env_file=None, log_dir=tmp_path / "log", audit_anchor_file=tmp_path / "anchors" / "heads.jsonl")
    assert set(ours.written_places) == {"bank_outbox", "bank_inbox", "store", "mail", "anchors", "log"}
    assert ours.written_places["anchors"] == tmp_path / "anchors"


async def test_figures_are_kept_for_some_seconds(worker_engine: AsyncEngine, owner_engine: AsyncEngine) -> None:
    kept = Figures(worker_engine, asyncio.get_running_loop(), 3600)
    at_once = Figures(worker_engine, asyncio.get_running_loop(), 0)
    before = (await kept.look(), await at_once.look())
    async with transaction(owner_engine) as session:
        await session.execute(
            text("INSERT INTO outbox (workflow, workflow_id, argument) VALUES ('wire', 'wire/1', '{}'::jsonb)")
        )
    assert await kept.look() == before[0]
    assert ("aurum_outbox", "", 1.0) in await at_once.look()


async def test_a_database_that_is_away_leaves_the_rest() -> None:
    away = connect("postgresql://aurum_worker@127.0.0.1:9/aurum", pool_size=1)
    figures_of_nobody = Figures(away, asyncio.get_running_loop(), 0)
    families = await asyncio.to_thread(lambda: list(figures_of_nobody.collect()))
    await away.dispose()
    assert [(one.name, one.samples[0].value) for one in families] == [("aurum_figures_up", 0)]
