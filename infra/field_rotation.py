"""Sealing personal data again with the current key, so that an older key can be destroyed.

1. Give every process the new key in `AURUM_FIELD_KEYS`, and only then make it current with `AURUM_FIELD_KEY_ID`.
2. When no process seals with the old key any more: `python -m infra.admin rotate-field-keys`.
3. When that says that nothing is sealed with another key: take the old key out.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from infra.crypto import SEALED_FIELDS, FieldContext, FieldUnreadable, Keyring, SealedField
from infra.database import transaction

BATCH: Final = 200
_NONE: Final = "00000000-0000-0000-0000-000000000000"


@dataclass
class Rotation:
    """What was done to one column. `unreadable`: the rows whose value does not open, left as they are."""

    field: SealedField
    resealed: int
    current: int
    unreadable: list[str]
    left: int

    @property
    def complete(self) -> bool:
        """Whether no value of this column is sealed with another key than the current one."""
        return self.left == 0


async def rotate(engine: AsyncEngine, keyring: Keyring, *, batch: int = BATCH) -> list[Rotation]:
    """Seals every value that another key sealed with the current one, over an engine of the owner.

    A transaction for each `batch` rows, which are locked meanwhile, so a value that is changed at the same time is
    neither lost nor brought back. Interrupted, it goes on where it was when it is called again.
    """
    return [await _rotate(engine, keyring, field, batch) for field in SEALED_FIELDS]


async def _rotate(engine: AsyncEngine, keyring: Keyring, field: SealedField, batch: int) -> Rotation:
    done = Rotation(field, 0, 0, [], 0)
    after: str | None = _NONE
    while after is not None:
        async with transaction(engine) as session:
            after = await _reseal_next(session, keyring, done, after, batch)
    async with transaction(engine) as session:
        counted = text(
            f"SELECT count(*) FILTER (WHERE {_is_current(field)}) AS current,"  # noqa: S608 # names of our own registry
            f" count(*) FILTER (WHERE NOT {_is_current(field)}) AS left FROM {field.table}"
        )
        done.current, done.left = (await session.execute(counted, _header(keyring))).one()
    return done


async def _reseal_next(session: AsyncSession, keyring: Keyring, done: Rotation, after: str, batch: int) -> str | None:
    """Seals the next batch behind the row `after` again. The last row of it; None when there was none."""
    field = done.field
    chosen = text(
        f"SELECT CAST({field.row_id} AS text), {field.column} FROM {field.table}"  # noqa: S608 # names of our own registry
        f" WHERE {field.row_id} > CAST(:after AS uuid) AND NOT {_is_current(field)}"
        f" ORDER BY {field.row_id} LIMIT :batch FOR NO KEY UPDATE"
    )
    rows = (await session.execute(chosen, {"after": after, "batch": batch, **_header(keyring)})).all()
    resealed: dict[str, bytes] = {}
    for row_id, sealed in rows:
        context = FieldContext(field.table, field.column, row_id)
        try:
            resealed[row_id] = keyring.seal(keyring.open(sealed, context), context)
        except FieldUnreadable:
            done.unreadable.append(row_id)
    change = text(
        f"UPDATE {field.table} t SET {field.column} = n.sealed"  # noqa: S608 # names of our own registry
        f" FROM unnest(CAST(:ids AS uuid[]), CAST(:sealed AS bytea[])) AS n (id, sealed) WHERE t.{field.row_id} = n.id"
    )
    await session.execute(change, {"ids": list(resealed), "sealed": list(resealed.values())})
    done.resealed += len(resealed)
    return rows[-1][0] if rows else None


def _is_current(field: SealedField) -> str:
    # NULL, and so neither counted nor chosen, where nothing is sealed.
    return f"(substring({field.column} FROM 1 FOR :length) = :header)"


def _header(keyring: Keyring) -> dict[str, Any]:
    return {"header": keyring.current_header, "length": len(keyring.current_header)}
