"""Pairs that two people have found not to be the same: proposed by one, approved by another, void by change or time."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import FourEyes, NotFound, WrongState
from models.screening import Hit

_COLUMNS: Final = (
    "id, subject_kind, subject_key, list, entry_id, list_version, reason, proposed_by, proposed_at, approved_by,"
    " approved_at, expires_at, voided_at, voided_by, void_reason"
)


class FalsePositive(BaseModel):
    """One remembered pair. It holds from `approved_at` until it expires or is voided."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    subject_kind: str
    subject_key: str
    list: str
    entry_id: str
    list_version: str
    reason: str
    proposed_by: UUID
    proposed_at: datetime
    approved_by: UUID | None
    approved_at: datetime | None
    expires_at: datetime
    voided_at: datetime | None
    voided_by: UUID | None
    void_reason: str | None


async def propose(
    session: AsyncSession,
    *,
    subject: tuple[str, str],
    hit: Hit,
    reason: str,
    proposed_by: UUID,
    expires_at: datetime,
) -> FalsePositive:
    """Proposes that `subject` (`customer` or `counterparty`, and its key) is not the entry of `hit`.

    Bound to what both records say now. Raises `WrongState` if the same pair is proposed or remembered already.
    """
    kind, key = subject
    made = await session.execute(
        text(
            "INSERT INTO sanctions_false_positives (subject_kind, subject_key, list, entry_id, entry_hash,"
            " subject_hash, list_version, reason, proposed_by, expires_at) VALUES (:kind, :key, :list, :entry_id,"
            " :entry_hash, :subject_hash, :list_version, :reason, :proposed_by, :expires_at)"
            f" ON CONFLICT DO NOTHING RETURNING {_COLUMNS}"
        ),
        {
            "kind": kind,
            "key": key,
            "list": hit.list,
            "entry_id": hit.entry_id,
            "entry_hash": hit.entry_hash,
            "subject_hash": hit.subject_hash,
            "list_version": hit.list_version,
            "reason": reason,
            "proposed_by": proposed_by,
            "expires_at": expires_at,
        },
    )
    row = made.mappings().one_or_none()
    if row is None:
        raise WrongState("this pair is proposed or remembered already")
    return FalsePositive.model_validate(dict(row))


async def approve(session: AsyncSession, memory_id: UUID, approved_by: UUID) -> FalsePositive:
    """Approves a proposal; from now on the pair does not hit. Raises `NotFound`, `FourEyes`, `WrongState`."""
    found = await _locked(session, memory_id)
    if found.voided_at is not None or found.approved_at is not None:
        raise WrongState("it is decided already")
    if found.proposed_by == approved_by:
        raise FourEyes("whoever proposes that a hit is false does not approve it")
    changed = await session.execute(
        text(
            "UPDATE sanctions_false_positives SET approved_by = :by, approved_at = clock_timestamp() WHERE id = :id"
            f" RETURNING {_COLUMNS}"
        ),
        {"id": memory_id, "by": approved_by},
    )
    return FalsePositive.model_validate(dict(changed.mappings().one()))


async def void(session: AsyncSession, memory_id: UUID, *, by: UUID, reason: str) -> FalsePositive:
    """Takes a proposal or a memory back: the pair hits again. Raises `NotFound`, `WrongState`."""
    if (await _locked(session, memory_id)).voided_at is not None:
        raise WrongState("it is void already")
    changed = await session.execute(
        text(
            "UPDATE sanctions_false_positives SET voided_at = clock_timestamp(), voided_by = :by, void_reason = :reason"
            f" WHERE id = :id RETURNING {_COLUMNS}"
        ),
        {"id": memory_id, "by": by, "reason": reason},
    )
    return FalsePositive.model_validate(dict(changed.mappings().one()))


async def _locked(session: AsyncSession, memory_id: UUID) -> FalsePositive:
    found = await session.execute(
        text(f"SELECT {_COLUMNS} FROM sanctions_false_positives WHERE id = :id FOR UPDATE"),
        {"id": memory_id},
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise NotFound("there is no such false positive")
    return FalsePositive.model_validate(dict(row))


async def known(
    session: AsyncSession, hits: Iterable[Hit], subjects: dict[str, tuple[str, str]]
) -> dict[tuple[str, str, str], UUID]:
    """The memories that cover `hits`, by (list, entry, field). `subjects`: for each field whose record it is.

    A memory covers a hit while both records are what they were when it was made, and until it expires; a hit on a
    number, not a name, is covered by none.
    """
    asked = [hit for hit in hits if hit.field in subjects and not hit.algorithm.startswith("identifier")]
    if not asked:
        return {}
    rows = await session.execute(
        text(
            "SELECT a.list, a.entry_id, a.field, f.id FROM unnest(CAST(:fields AS text[]), CAST(:kinds AS text[]),"
            " CAST(:keys AS text[]), CAST(:lists AS text[]), CAST(:entries AS text[]), CAST(:entry_hashes AS bytea[]),"
            " CAST(:subject_hashes AS bytea[])) AS a (field, kind, key, list, entry_id, entry_hash, subject_hash)"
            " JOIN sanctions_false_positives f ON f.subject_kind = a.kind AND f.subject_key = a.key AND f.list = a.list"
            " AND f.entry_id = a.entry_id AND f.entry_hash = a.entry_hash AND f.subject_hash = a.subject_hash"
            " WHERE f.approved_at IS NOT NULL AND f.voided_at IS NULL AND f.expires_at > clock_timestamp()"
        ),
        {
            "fields": [hit.field for hit in asked],
            "kinds": [subjects[hit.field][0] for hit in asked],
            "keys": [subjects[hit.field][1] for hit in asked],
            "lists": [hit.list for hit in asked],
            "entries": [hit.entry_id for hit in asked],
            "entry_hashes": [hit.entry_hash for hit in asked],
            "subject_hashes": [hit.subject_hash for hit in asked],
        },
    )
    return {(row.list, row.entry_id, row.field): row.id for row in rows}
