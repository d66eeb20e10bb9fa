"""A list that comes in: staged row by row in one transaction, compared with what there is, and taken as a whole or not
at all.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from models.screening import ListedEntity, Purpose
from models.screening.lists import MOST_MALFORMED, NAMED_PROBLEMS, SUSPICIOUS_DROP, Imported, ListRefused, Problem
from models.tables.sanctions.lists import change_versions

_COUNTS: Final = text(
    "SELECT (SELECT count(*) FROM staged) AS staged,"
    " (SELECT count(*) FROM sanctions_entries WHERE list = :list AND until IS NULL) AS before,"
    " count(*) FILTER (WHERE e.id IS NULL) AS added,"
    " count(*) FILTER (WHERE e.id IS NOT NULL AND s.id IS NOT NULL AND e.hash <> s.hash) AS changed,"
    " count(*) FILTER (WHERE s.id IS NULL) AS removed"
    " FROM staged s FULL JOIN (SELECT id, hash FROM sanctions_entries WHERE list = :list AND until IS NULL) e"
    " USING (id)"
)
_VOID: Final = text(
    "UPDATE sanctions_false_positives f SET voided_at = clock_timestamp(), void_reason = 'the listed entry has changed'"
    " WHERE f.list = :list AND f.voided_at IS NULL AND NOT EXISTS (SELECT FROM sanctions_entries e"
    " WHERE e.list = f.list AND e.id = f.entry_id AND e.until IS NULL AND e.hash = f.entry_hash)"
)


@dataclass
class Staging:
    """What was read of a list so far."""

    list_name: str
    read: int = 0
    malformed: int = 0
    problems: list[Problem] = field(default_factory=list)

    def note(self, problems: Iterable[Problem]) -> None:
        """Counts records that could not be read, and names the first."""
        for problem in problems:
            self.malformed += 1
            if len(self.problems) < NAMED_PROBLEMS:
                self.problems.append(problem)


async def register(session: AsyncSession, list_name: str, purpose: Purpose = Purpose.SANCTIONS) -> None:
    """Makes the list known, if it is not."""
    await session.execute(
        text(
            "INSERT INTO sanctions_lists (name, purpose) VALUES (:name, :purpose)"
            " ON CONFLICT (name) DO UPDATE SET purpose = excluded.purpose"
            " WHERE sanctions_lists.purpose <> excluded.purpose"
        ),
        {"name": list_name, "purpose": purpose},
    )


async def begin(session: AsyncSession, list_name: str) -> Staging:
    """Begins to take a list in; a second import of the same list waits until this transaction has ended."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"list/{list_name}"})
    await session.execute(
        text(
            "CREATE TEMPORARY TABLE staged (id text PRIMARY KEY, hash bytea NOT NULL, content jsonb NOT NULL)"
            " ON COMMIT DROP"
        )
    )
    return Staging(list_name)


async def stage(session: AsyncSession, staging: Staging, entities: Sequence[ListedEntity]) -> None:
    """Sets some entries aside. One whose id was there before in the same file is malformed, and named."""
    if not entities:
        return
    rows = await session.execute(
        text(
            "INSERT INTO staged SELECT * FROM unnest(CAST(:ids AS text[]), CAST(:hashes AS bytea[]),"
            " CAST(:contents AS jsonb[])) ON CONFLICT (id) DO NOTHING RETURNING id"
        ),
        {
            "ids": [one.id for one in entities],
            "hashes": [one.hash for one in entities],
            "contents": [json.dumps(one.content, ensure_ascii=False) for one in entities],
        },
    )
    taken = set(rows.scalars())
    staging.read += len(taken)
    if len(taken) < len(entities):
        ids = [one.id for one in entities]
        again = [one for at, one in enumerate(ids) if one not in taken or one in ids[:at]]
        staging.note(Problem(record=one, reason="listed twice") for one in again)


async def take(
    session: AsyncSession,
    staging: Staging,
    *,
    label: str,
    source: str,
    sha256: bytes,
    loaded_by: str,
    accept_drop: bool = False,
) -> Imported:
    """Makes what was staged the newest version, if it differs from the last.

    Raises `ListRefused` for an empty list, one of which too much could not be read, and one that has lost more than
    `SUSPICIOUS_DROP` of its entries, unless `accept_drop` says that this is meant.
    """
    if staging.read == 0:
        raise ListRefused(f"{staging.list_name}: the file has no entries")
    if staging.malformed > MOST_MALFORMED * (staging.read + staging.malformed):
        raise ListRefused(
            f"{staging.list_name}: {staging.malformed} of {staging.read + staging.malformed} records malformed"
        )
    await session.execute(text("ANALYZE staged"))
    counts = (await session.execute(_COUNTS, {"list": staging.list_name})).one()
    if counts.removed > SUSPICIOUS_DROP * counts.before and not accept_drop:
        raise ListRefused(
            f"{staging.list_name}: {counts.removed} of {counts.before} entries would be gone; an operator has to say"
            " that this is meant (sanctions-import --accept-drop)"
        )
    if not (counts.added or counts.changed or counts.removed):
        await confirmed(session, staging.list_name)
        return _imported(staging)
    await change_versions(session)
    version = await _new_version(session, staging, counts, (label, source, sha256, loaded_by))
    await _replace(session, staging.list_name, version.id)
    await confirmed(session, staging.list_name)
    return _imported(staging, version.id, version.label, (counts.added, counts.changed, counts.removed))


async def _new_version(
    session: AsyncSession, staging: Staging, counts: Row[Any], told: tuple[str, str, bytes, str]
) -> Row[Any]:
    label, source, sha256, loaded_by = told
    made = await session.execute(
        text(
            "INSERT INTO sanctions_versions (list, label, source, sha256, entries, added, changed, removed, malformed,"
            " problems, loaded_by) SELECT :list, CAST(:label AS text) || CASE WHEN n.taken = 0 THEN '' ELSE"
            " '.' || n.taken + 1 END, :source, :sha256, :entries, :added, :changed, :removed, :malformed,"
            " CAST(:problems AS jsonb), :loaded_by FROM (SELECT count(*) AS taken FROM sanctions_versions v"
            " WHERE v.list = :list AND (v.label = :label OR starts_with(v.label, CAST(:label AS text) || '.'))) n"
            " RETURNING id, label"
        ),
        {
            "list": staging.list_name,
            "label": label,
            "source": source,
            "sha256": sha256,
            "entries": counts.staged,
            "added": counts.added,
            "changed": counts.changed,
            "removed": counts.removed,
            "malformed": staging.malformed,
            "problems": json.dumps([one.model_dump() for one in staging.problems]),
            "loaded_by": loaded_by,
        },
    )
    return made.one()


async def _replace(session: AsyncSession, list_name: str, version_id: int) -> None:
    values = {"list": list_name, "version": version_id}
    await session.execute(
        text(
            "UPDATE sanctions_entries e SET until = :version WHERE e.list = :list AND e.until IS NULL"
            " AND NOT EXISTS (SELECT FROM staged s WHERE s.id = e.id AND s.hash = e.hash)"
        ),
        values,
    )
    await session.execute(
        text(
            "INSERT INTO sanctions_entries (list, id, hash, content, since)"
            " SELECT :list, s.id, s.hash, s.content, :version FROM staged s WHERE NOT EXISTS"
            " (SELECT FROM sanctions_entries e WHERE e.list = :list AND e.id = s.id AND e.until IS NULL)"
        ),
        values,
    )
    await session.execute(_VOID, {"list": list_name})


def _imported(
    staging: Staging,
    version_id: int | None = None,
    version: str | None = None,
    counts: tuple[int, int, int] = (0, 0, 0),
) -> Imported:
    added, changed, removed = counts
    return Imported(
        list=staging.list_name,
        version=version,
        version_id=version_id,
        entries=staging.read,
        added=added,
        changed=changed,
        removed=removed,
        malformed=staging.malformed,
        problems=tuple(staging.problems),
    )


async def confirmed(session: AsyncSession, list_name: str) -> None:
    """Notes that the source has nothing newer than what we have."""
    await session.execute(
        text(
            "UPDATE sanctions_lists SET checked_at = clock_timestamp(), failed_at = NULL, failure = NULL"
            " WHERE name = :name"
        ),
        {"name": list_name},
    )


async def failed(session: AsyncSession, list_name: str, reason: str) -> None:
    """Notes that a refresh did not come about; the version before stays, and grows older."""
    await session.execute(
        text("UPDATE sanctions_lists SET failed_at = clock_timestamp(), failure = :reason WHERE name = :name"),
        {"name": list_name, "reason": reason[:1000]},
    )


async def seen_at_source(session: AsyncSession, list_name: str) -> tuple[str | None, str | None]:
    """What the source said of the file that we have: its ETag, and when it was last modified."""
    row = await session.execute(
        text("SELECT etag, last_modified FROM sanctions_lists WHERE name = :name"), {"name": list_name}
    )
    found = row.one()
    return found.etag, found.last_modified


async def saw_at_source(session: AsyncSession, list_name: str, etag: str | None, last_modified: str | None) -> None:
    """Keeps what the source said of the file that was taken in."""
    await session.execute(
        text("UPDATE sanctions_lists SET etag = :etag, last_modified = :last_modified WHERE name = :name"),
        {"name": list_name, "etag": etag, "last_modified": last_modified},
    )
