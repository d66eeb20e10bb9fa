"""Collecting what an evidence pack holds (`models.evidence`)."""

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.audit_chain import FORMULA, GENESIS, Head, Link
from models.errors import NotFound
from models.evidence import AuditProof, EvidencePack, LogLine, Seal, Stretch
from models.tables import wires
from models.tables.audit_seals import SEAL, TEXTS, head, seal_at

_EVIDENCE: Final = text("SELECT CAST(wire_evidence(:id) AS text)")
# The lines about the wire itself, and about the entries that were booked for it.
_LINES: Final = text(
    f"SELECT s.chain_seq, coalesce(s.formula, {FORMULA}) AS formula, ARRAY[{', '.join(TEXTS)}] AS texts"  # noqa: S608 - ours
    " FROM audit_logs a LEFT JOIN audit_seals s ON s.audit_id = a.id"
    " WHERE a.resource_type = 'wire' AND a.resource_id = :wire"
    " OR a.resource_type = 'transaction' AND a.resource_id = ANY (:entries) ORDER BY a.id"
)
_SEALS: Final = text(
    f"SELECT {SEAL} FROM audit_seals s"  # noqa: S608 - ours
    " WHERE s.chain_seq BETWEEN :first AND :last ORDER BY s.chain_seq"
)


async def collect(
    session: AsyncSession, wire_id: UUID, *, made_at: datetime, made_by: UUID, kept: Sequence[Head]
) -> EvidencePack:
    """The pack of a wire as it stands now. `kept` are the heads of the audit chain that stay for good, oldest first.

    Raises `NotFound`, also for whoever may not see all of it.
    """
    stored = (await session.execute(_EVIDENCE, {"id": wire_id})).scalar_one_or_none()
    if stored is None:
        raise NotFound("there is no such wire")
    # Every digit as the database has it.
    parts: dict[str, Any] = json.loads(stored, parse_float=Decimal)
    entries = [entry["id"] for entry in parts["entries"]]
    lines = [
        LogLine(texts=tuple(row.texts), formula=row.formula, chain_seq=row.chain_seq)
        for row in await session.execute(_LINES, {"wire": str(wire_id), "entries": entries})
    ]
    return EvidencePack(
        made_at=made_at,
        made_by=made_by,
        wire_id=wire_id,
        order=wires.ordered(await wires.find(session, wire_id)),
        audit=AuditProof(lines=tuple(lines), stretches=await _stretches(session, lines, kept)),
        **parts,
    )


async def _stretches(session: AsyncSession, lines: Sequence[LogLine], kept: Sequence[Head]) -> tuple[Stretch, ...]:
    """For each kept head the seals from the first line before it to it; the rest up to the end of the chain."""
    places = sorted(line.chain_seq for line in lines if line.chain_seq is not None)
    stretches = []
    while places:
        first = places[0]
        anchor = next((one for one in kept if one.chain_seq >= first), None)
        end = await head(session) if anchor is None else None
        last = anchor.chain_seq if anchor else end.chain_seq if end else first
        stretches.append(await _stretch(session, first, last, anchor))
        places = [place for place in places if place > last]
    return tuple(stretches)


async def _stretch(session: AsyncSession, first: int, last: int, anchor: Head | None) -> Stretch:
    before = await seal_at(session, first - 1) if first > 1 else None
    links = [Link._make(row) for row in await session.execute(_SEALS, {"first": first, "last": last})]
    return Stretch(
        first=first,
        behind=(before.chain_hash if before else GENESIS).hex(),
        seals=tuple(
            Seal(audit_id=link.audit_id, row_hash=link.row_hash.hex(), formula=link.formula, sealed_us=link.sealed_us)
            for link in links
        ),
        head=links[-1].chain_hash.hex(),
        anchor=anchor,
    )
