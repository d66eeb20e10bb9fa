"""Proofs of the ledger and the freezes that follow from a breach."""

import json
import time
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.audit import Outcome
from models.errors import WrongState
from models.ledger import Breach
from models.ledger_proof import KEPT_BREACHES, SETTLED_AFTER, Freeze, Proof, freeze_letter, freeze_reason
from models.tables.audit import AuditEntry, append
from models.tables.notifications import tell_operations

_COLUMNS: Final = "id, at, took_ms, entries, breach_count, breaches"
_FREEZE_COLUMNS: Final = "id, since, reason, proof_id, ended_at, ended_reason"
# One statement, and so one snapshot: what commits meanwhile is seen by all rules or by none.
_PROVE: Final = text(
    "SELECT rule, subject, expected, found FROM ledger_proof() UNION ALL"
    " SELECT rule, subject, expected, found FROM ledger_process_proof(:settled_before)"
)
_KEEP: Final = text(
    "INSERT INTO ledger_proofs (run, took_ms, entries, breach_count, breaches)"
    " VALUES (:run, :took_ms, (SELECT count(*) FROM transactions), :breach_count, CAST(:breaches AS jsonb))"
    f" RETURNING {_COLUMNS}"
)


async def breaches(session: AsyncSession, at: datetime) -> list[Breach]:
    """Every rule that does not hold at `at`: of the books, and between them and the processes that move them.

    For the roles of the worker and of the owner.
    """
    rows = await session.execute(_PROVE, {"settled_before": at - SETTLED_AFTER})
    return [Breach.model_validate(dict(row)) for row in rows.mappings()]


async def prove(session: AsyncSession, at: datetime, *, run: str | None = None) -> Proof:
    """Proves the ledger, keeps what was found, and suspends posting on a breach, in the caller's transaction.

    Operations are told of each freeze once. `run` asked again gives the proof that it made the first time.
    """
    if run is not None:
        kept = await session.execute(
            text(f"SELECT {_COLUMNS} FROM ledger_proofs WHERE run = :run"),
            {"run": run},
        )
        row = kept.mappings().one_or_none()
        if row is not None:
            return Proof.model_validate(dict(row))
    begun = time.monotonic()
    found = await breaches(session, at)
    took_ms = round(1000 * (time.monotonic() - begun))
    stored = await session.execute(
        _KEEP,
        {
            "run": run,
            "took_ms": took_ms,
            "breach_count": len(found),
            "breaches": json.dumps([breach.model_dump() for breach in found[:KEPT_BREACHES]]),
        },
    )
    proof = Proof.model_validate(dict(stored.mappings().one()))
    if found:
        await _freeze(session, freeze_reason(found), proof)
    return proof


async def _freeze(session: AsyncSession, reason: str, proof: Proof) -> None:
    made = await session.execute(
        text(
            "INSERT INTO ledger_freezes (reason, proof_id) VALUES (:reason, :proof) ON CONFLICT DO NOTHING RETURNING id"
        ),
        {"reason": reason, "proof": proof.id},
    )
    freeze_id = made.scalar_one_or_none()
    if freeze_id is not None:
        await append(session, _line("ledger.freeze", freeze_id, {"reason": reason, "proof_id": str(proof.id)}))
        await tell_operations(
            session,
            key=f"ledger_freeze/{freeze_id}",
            event="operations.ledger_freeze",
            subject="Posting is suspended",
            body=freeze_letter(reason, proof),
        )


async def unfreeze(session: AsyncSession, reason: str, operator: str) -> Freeze:
    """Lets the ledger book again, because of `reason`, and writes down that `operator` (a name at the system) did so.

    For the owner's role. Raises `WrongState` when nothing is frozen.
    """
    ended = await session.execute(
        text(
            "UPDATE ledger_freezes SET ended_at = clock_timestamp(), ended_reason = :reason WHERE ended_at IS NULL"
            f" RETURNING {_FREEZE_COLUMNS}"
        ),
        {"reason": reason},
    )
    row = ended.mappings().one_or_none()
    if row is None:
        raise WrongState("The ledger is not frozen")
    freeze = Freeze.model_validate(dict(row))
    await append(session, _line("ledger.unfreeze", freeze.id, {"reason": reason, "operator": operator}))
    return freeze


async def frozen(session: AsyncSession) -> Freeze | None:
    """The freeze that is open now, if there is one."""
    row = await session.execute(text(f"SELECT {_FREEZE_COLUMNS} FROM ledger_freezes WHERE ended_at IS NULL"))
    found = row.mappings().one_or_none()
    return None if found is None else Freeze.model_validate(dict(found))


async def history(session: AsyncSession, limit: int) -> list[Proof]:
    """The last `limit` proofs, newest first."""
    rows = await session.execute(
        text(f"SELECT {_COLUMNS} FROM ledger_proofs ORDER BY id DESC LIMIT :limit"),
        {"limit": limit},
    )
    return [Proof.model_validate(dict(row)) for row in rows.mappings()]


def _line(action: str, freeze_id: UUID, values: dict[str, str]) -> AuditEntry:
    told = {**values, "at": datetime.now(UTC).isoformat()}
    return AuditEntry(
        user_id=None,
        actor_role="system",
        action=action,
        resource_type="ledger",
        resource_id=str(freeze_id),
        new_values=told,
        outcome=Outcome.DONE,
    )
