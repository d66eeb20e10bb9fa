"""The evidence pack of a wire: whole for those who may have it, checkable without the bank, and no forgery passes."""

import base64
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pikepdf
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from typer.testing import CliRunner

from infra import evidence
from infra.admin.__main__ import app as command
from infra.audit_anchors import AnchorFile
from infra.database import transaction
from models.audit_chain import Head
from models.evidence import EvidencePack, Outcome, examined, verdict
from models.tables.audit_seals import head
from tests.factories import wires as make
from tests.factories.audit import sealer
from tests.factories.wire_desk import WIRES, Door, is_refusal


@pytest.fixture
async def door(
    app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    """The wire desk by HTTP."""
    await make.sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine, tmp_path)


async def _approved(door: Door) -> str:
    """A wire that an officer has approved and that was released to the bank; its id."""
    wire_id = await door.awaiting(await door.customer(), recipient_name="Ünal 张伟 & Söhne", reference="#set text(red)")
    _, officer = await door.officer("compliance_officer")
    assert (await door.approve(wire_id, officer)).status_code == 200
    await door.released(wire_id)
    return wire_id


async def _seal(worker: AsyncEngine) -> Head:
    """Seals the log, as if it were some seconds older, and returns the head of the chain."""
    while (await sealer(worker).seal(None)).rest:
        pass
    async with transaction(worker) as session:
        last = await head(session)
    assert last is not None
    return last.head


async def _pack(door: Door, wire_id: str, preset: str = "auditor", form: str = "json") -> httpx.Response:
    _, headers = await door.officer(preset)
    return await door.client.get(f"{WIRES}/{wire_id}/evidence", params={"format": form}, headers=headers)


async def test_a_pack_is_proven_with_a_head_that_was_kept(door: Door, worker_engine: AsyncEngine) -> None:
    wire_id = await _approved(door)
    kept = await _seal(worker_engine)
    pack = evidence.read((await _pack(door, wire_id)).content)
    findings = examined(pack, [kept])
    assert verdict(findings) is Outcome.PROVEN, findings
    assert len(pack.audit.lines) == 2  # the order and the approval
    assert [message["direction"] for message in pack.messages] == ["outbound"]
    assert pack.timeline[0]["event"] == "ordered"
    # Without the head, and before the lines are sealed, nothing is wrong, and not all is proven.
    assert verdict(examined(pack)) is Outcome.OPEN


async def test_lines_that_are_too_young_are_said_to_be(door: Door) -> None:
    pack = evidence.read((await _pack(door, await _approved(door))).content)
    assert {finding.outcome for finding in examined(pack)} == {Outcome.PROVEN, Outcome.OPEN}


def _line(place: int, column: int, value: str) -> Callable[[dict[str, Any]], None]:
    def change(pack: dict[str, Any]) -> None:
        pack["audit"]["lines"][place]["texts"][column] = value

    return change


def _ruling(pack: dict[str, Any], *, confirmed_by: str) -> dict[str, Any]:
    return {"id": "r", "hit_id": 7, "ruling": "clear", "proposed_by": "o1", "confirmed_by": confirmed_by}


FORGERIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another amount in the order": lambda pack: pack["order"].update(amount_minor=1),
    "another amount in the row": lambda pack: pack["wire"].update(amount_minor=1),
    "another recipient in both": lambda pack: [
        part.update(recipient_name="M") for part in (pack["order"], pack["wire"])
    ],
    "an approval by the maker": lambda pack: pack["approvals"][0].update(officer_id=pack["wire"]["user_id"]),
    "an approval by somebody else": lambda pack: pack["approvals"][0].update(officer_id=pack["made_by"]),
    "an approval of something else": lambda pack: pack["approvals"][0].update(content_hash="00" * 32),
    "other evidence than the officer saw": lambda pack: pack["approvals"][0].update(evidence="{}"),
    "a ruling by one officer alone": lambda pack: pack["rulings"].append(_ruling(pack, confirmed_by="o1")),
    "a ruling by the maker": lambda pack: pack["rulings"].append(
        _ruling(pack, confirmed_by=str(pack["wire"]["user_id"]))
    ),
    "a hit that nobody cleared": lambda pack: pack["screening"].append({"id": 7, "known": None}),
    "no approval": lambda pack: pack["approvals"].clear(),
    "another message": lambda pack: pack["messages"][0].update(content=base64.b64encode(b"<x/>").decode()),
    "another officer in the log": _line(1, 2, "019a1b2c-3d4e-7f60-8192-a3b4c5d6e7f8"),
    "another time in the log": _line(0, 1, "2020-01-01T00:00:00"),
    "a row hash of one's own": lambda pack: pack["audit"]["stretches"][0]["seals"][0].update(row_hash="11" * 32),
    "a seal less": lambda pack: pack["audit"]["stretches"][0]["seals"].pop(),
    "another beginning": lambda pack: pack["audit"]["stretches"][0].update(behind="22" * 32),
    "no seals at all": lambda pack: pack["audit"].update(stretches=[]),
    "a settlement that was not booked": lambda pack: pack["wire"].update(transaction_id=pack["wire_id"]),
    "an entry out of balance": lambda pack: pack["entries"].append(
        {"id": "e", "idempotency_key": "k", "postings": [{"currency": "USD", "amount_minor": 5}]}
    ),
}


async def test_no_forgery_passes(door: Door, worker_engine: AsyncEngine) -> None:
    wire_id = await _approved(door)
    kept = await _seal(worker_engine)
    packed = (await _pack(door, wire_id)).content
    for said, forge in FORGERIES.items():
        forged = json.loads(packed, parse_float=Decimal)
        forge(forged)
        findings = examined(EvidencePack.model_validate(forged), [kept])
        assert verdict(findings) is Outcome.BROKEN, (said, findings)


async def test_a_chain_that_was_written_anew_leads_to_another_head(door: Door, worker_engine: AsyncEngine) -> None:
    wire_id = await _approved(door)
    kept = await _seal(worker_engine)
    pack = evidence.read((await _pack(door, wire_id)).content)
    other = kept.model_copy(update={"chain_hash": "ab" * 32})
    assert verdict(examined(pack, [other])) is Outcome.BROKEN


async def test_the_pdf_shows_it_and_has_it_attached(door: Door, worker_engine: AsyncEngine, tmp_path: Path) -> None:
    wire_id = await _approved(door)
    kept = await _seal(worker_engine)
    answered = await _pack(door, wire_id, form="pdf")
    assert answered.headers["Content-Type"] == "application/pdf"
    assert answered.headers["Content-Disposition"] == f'attachment; filename="wire-{wire_id}-evidence.pdf"'
    with pikepdf.open(io.BytesIO(answered.content)) as document:
        assert len(document.pages) >= 1
        assert document.open_metadata()["pdfaid:part"] == "3"
        assert "/StructTreeRoot" in document.Root
    file, heads = tmp_path / "pack.pdf", AnchorFile(tmp_path / "heads")
    file.write_bytes(answered.content)
    heads.keep(kept)
    run = CliRunner().invoke(command, ["evidence-verify", str(file), "--anchors", str(heads.path)])
    assert run.exit_code == 0, run.output
    assert "proven" in run.output
    assert CliRunner().invoke(command, ["evidence-verify", str(file)]).exit_code == 3
    file.write_bytes(answered.content[: len(answered.content) // 2])
    damaged = CliRunner().invoke(command, ["evidence-verify", str(file)])
    assert damaged.exit_code == 1
    assert not isinstance(damaged.exception, Exception)


async def test_only_heads_that_stay_are_what_a_pack_relies_on(tmp_path: Path) -> None:
    now = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
    anchors = AnchorFile(tmp_path / "heads")
    old, young = (
        Head(chain_seq=seq, chain_hash="ab" * 32, sealed_at=now - timedelta(minutes=age), formula=1)
        for seq, age in ((5, 50), (9, 5))
    )
    anchors.keep(old)
    anchors.keep(young)
    assert anchors.lasting(now) == [old]
    assert anchors.lasting(now + timedelta(hours=1)) == [old, young]


async def test_it_is_for_those_who_audit_and_each_time_is_in_the_log(door: Door, owner_engine: AsyncEngine) -> None:
    customer = await door.customer()
    wire_id = await door.ordered(customer)
    refused = await door.client.get(f"{WIRES}/{wire_id}/evidence", headers=customer.headers)
    is_refusal(refused, 403, "permission_missing")
    assert (await door.client.get(f"{WIRES}/{wire_id}/evidence")).status_code == 401
    for preset in ("auditor", "operations", "compliance_officer", "super_admin"):
        assert (await _pack(door, wire_id, preset)).status_code == 200
    is_refusal(await _pack(door, str(customer.person.id)), 404, "not_found")
    async with transaction(owner_engine) as session:
        rows = await session.execute(
            text(
                "SELECT outcome, length(new_values ->> 'evidence_sha256') FROM audit_logs"
                " WHERE action = 'wires.wire_evidence' ORDER BY id"
            )
        )
        assert [tuple(row) for row in rows] == [
            ("refused", None), ("refused", None), *[("done", 64)] * 4, ("refused", None)
        ]  # fmt: skip
