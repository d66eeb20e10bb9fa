"""Proofs beside the books: what is open and what is running, and whether the roll-ups are what the postings say.

For the worker's role. What a proof finds is kept, and operations are told of what the proof before it had not found.
"""

import hashlib
import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.ledger import Breach
from models.side_proofs import (
    HOLD_RULE,
    KEPT_FINDINGS,
    OWNERS,
    PROCESS_RULE,
    SETTLED_AFTER,
    Owner,
    SideProof,
    SideProofKind,
)
from models.tables.notifications import tell_operations

_KEPT: Final = text("SELECT * FROM side_proofs WHERE run = :run")
_LATEST: Final = text("SELECT * FROM side_proofs WHERE kind = :kind ORDER BY id DESC LIMIT 1")
_KEEP: Final = text(
    "INSERT INTO side_proofs (kind, run, took_ms, proven, note, checked, finding_count, findings) VALUES"
    " (:kind, :run, :took_ms, :note = '', :note, :checked, :count, CAST(:findings AS jsonb)) RETURNING *"
)


class Found(BaseModel):
    """What a proof found, before it is kept. `note` says why it could not be made."""

    model_config = ConfigDict(frozen=True)

    checked: int = 0
    findings: tuple[Breach, ...] = ()
    note: str = ""


async def kept(session: AsyncSession, run: str) -> SideProof | None:
    """The proof that the step `run` has made already."""
    rows = await session.execute(_KEPT, {"run": run})
    row = rows.mappings().one_or_none()
    return None if row is None else SideProof.model_validate(dict(row))


async def keep(session: AsyncSession, kind: SideProofKind, run: str, found: Found, took_ms: int) -> SideProof:
    """Keeps what was found, and tells operations of it unless the last proof of that kind had found the same."""
    before = await latest(session, kind)
    stored = await session.execute(
        _KEEP,
        {
            "kind": kind.value,
            "run": run,
            "took_ms": took_ms,
            "note": found.note,
            "checked": found.checked,
            "count": len(found.findings),
            "findings": json.dumps([finding.model_dump() for finding in found.findings[:KEPT_FINDINGS]]),
        },
    )
    proof = SideProof.model_validate(dict(stored.mappings().one()))
    news = {_name(finding) for finding in proof.findings} - {_name(b) for b in (before.findings if before else ())}
    if news:
        digest = hashlib.sha256("\n".join(sorted(news)).encode()).hexdigest()[:16]
        await tell_operations(
            session,
            key=f"side_proof/{kind.value}/{proof.id}/{digest}",
            event=f"operations.{kind.value}",
            subject=f"{proof.finding_count} findings: {kind.value}",
            body=_letter(proof),
        )
    return proof


def _name(finding: Breach) -> str:
    return f"{finding.rule} {finding.subject}"


def _letter(proof: SideProof) -> str:
    lines = "\n".join(f"  {_name(finding)}" for finding in proof.findings[:20])
    return (
        f"The proof of {proof.kind.value} found what should not be. Posting goes on.\n\n{lines}\n\n"
        "All of it is under ledger-proof in the administration."
    )


async def latest(session: AsyncSession, kind: SideProofKind) -> SideProof | None:
    """The newest proof of a kind."""
    rows = await session.execute(_LATEST, {"kind": kind.value})
    row = rows.mappings().one_or_none()
    return None if row is None else SideProof.model_validate(dict(row))


async def prove_flows(session: AsyncSession) -> Found:
    """Whether the roll-ups are what the postings say. Those of an account that are not are forgotten, and made anew
    by the next roll-up; until then its answers come from its postings alone."""
    rows = (
        await session.execute(text("SELECT rule, subject, expected, found, account_id FROM account_flows_proof()"))
    ).all()
    wrong = sorted({row.account_id for row in rows})
    if wrong:
        await session.execute(text("SELECT account_flows_forget(:wanted)"), {"wanted": wrong})
    counted = await session.execute(text("SELECT count(*) FROM account_flow_horizons"))
    return Found(
        checked=int(counted.scalar_one()) + len(wrong),
        findings=tuple(Breach(rule=r.rule, subject=r.subject, expected=r.expected, found=r.found) for r in rows),
    )


async def prove_processes(session: AsyncSession, running: Collection[str], at: datetime) -> Found:
    """Whether open holds and running processes name each other. `running` are the workflow ids that ran shortly before
    `at`, of all kinds of `OWNERS`."""
    findings: list[Breach] = []
    checked = 0
    for owner in OWNERS:
        rows = await _holds(session, owner, at)
        checked += len(rows)
        findings += [
            Breach(rule=HOLD_RULE, subject=name, expected=0, found=minor) for name, minor in rows if name not in running
        ]
        ids = [UUID(name.removeprefix(f"{owner.kind}/")) for name in running if name.startswith(f"{owner.kind}/")]
        checked += len(ids)
        findings += [
            Breach(rule=PROCESS_RULE, subject=f"{owner.kind}/{row_id}", expected=1, found=0)
            for row_id in await _without_row(session, owner, ids, at)
        ]
    return Found(checked=checked, findings=tuple(findings))


async def _holds(session: AsyncSession, owner: Owner, at: datetime) -> Sequence[tuple[str, int]]:
    """The open holds of a kind that are older than moments: the process that owns each, and its amount."""
    rows = await session.execute(
        text(
            f"SELECT h.owner_id, h.amount_minor FROM holds h LEFT JOIN {owner.table} o ON o.id = h.owner_id"  # noqa: S608 - a name of our own table
            " WHERE h.status = 'open' AND h.owner_kind = :kind AND h.placed_at < :settled"
            " AND (o.status = ANY (:kept)) IS NOT TRUE ORDER BY h.id"
        ),
        {"kind": owner.kind, "settled": at - SETTLED_AFTER, "kept": list(owner.keeps_hold)},
    )
    return [(f"{owner.kind}/{row.owner_id}", row.amount_minor) for row in rows]


async def _without_row(session: AsyncSession, owner: Owner, ids: Sequence[UUID], at: datetime) -> Sequence[UUID]:
    """Those of `ids` that have no row, or one that ended more than moments ago."""
    rows = await session.execute(
        text(
            f"SELECT r.id FROM unnest(CAST(:ids AS uuid[])) r(id) LEFT JOIN {owner.table} o ON o.id = r.id"  # noqa: S608 - a name of our own table
            " WHERE o.id IS NULL OR o.status = ANY (:ended) AND o.updated_at < :settled ORDER BY r.id"
        ),
        {"ids": list(ids), "ended": list(owner.ended), "settled": at - SETTLED_AFTER},
    )
    return list(rows.scalars())
