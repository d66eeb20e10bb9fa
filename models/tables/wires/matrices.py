"""The approval matrix in its versions. One officer proposes a version and another one publishes it, or an operator does
at once; it decides from then on, and wires that were routed before keep what was decided about them.
"""

import json
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.audit import Outcome
from models.tables.audit import AuditEntry, append
from models.tables.proposals import Versions, versions_table
from models.wires.approval import Matrix
from models.wires.effect import Effect, Routed, effect

MATRICES: Final = Versions(table=versions_table("approval_matrices"), name="the approval matrix")

_NEWEST: Final = text("SELECT version, CAST(rows AS text), call_back_over FROM matrix_in_force()")
_PROPOSE: Final = text(
    "INSERT INTO approval_matrices (rows, call_back_over, note, proposed_by)"
    " VALUES (CAST(:rows AS jsonb), :call_back_over, :note, :officer) RETURNING version"
)
# The newest wires by the times in their ids.
_ROUTED: Final = text(
    "SELECT inputs -> 'facts' AS facts, approvers, call_back FROM wire_routings WHERE base_currency = :currency"
    " AND inputs -> 'facts' IS NOT NULL ORDER BY wire_id DESC LIMIT :most"
)


@lru_cache(maxsize=8)
def _read(rows: str, call_back_over: int | None) -> Matrix:
    # Checking that a matrix is monotone takes longer than asking it; a version never changes.
    return Matrix.model_validate({"rows": json.loads(rows), "call_back_over": call_back_over})


async def newest_matrix(session: AsyncSession) -> tuple[int, Matrix]:
    """The matrix that decides now, and its version."""
    row = (await session.execute(_NEWEST)).one()
    return row.version, _read(row.rows, row.call_back_over)


async def effect_of(session: AsyncSession, version: int, *, currency: str, most: int) -> Effect:
    """What a version would have asked for about the newest `most` wires that were routed and that its reader may see,
    in a bank whose base currency is `currency`. Raises `NotFound`."""
    kept = await MATRICES.find(session, version)
    matrix = _read(json.dumps(kept.rows), kept.call_back_over)
    rows = (await session.execute(_ROUTED, {"currency": currency, "most": most})).mappings()
    return effect(matrix, [Routed.model_validate(dict(row)) for row in rows], currency)


async def propose_matrix(session: AsyncSession, matrix: Matrix, *, note: str, officer: UUID) -> int:
    """Writes a version that another officer may publish, and returns its number."""
    values = {"rows": json.dumps(_stored(matrix)), "call_back_over": matrix.call_back_over, "note": note}
    version: int = (await session.execute(_PROPOSE, values | {"officer": officer})).scalar_one()
    return version


async def publish_matrix(session: AsyncSession, matrix: Matrix, *, note: str, operator: str) -> int:
    """Makes `matrix` the one that decides, and returns its version. For the owner of the database alone."""
    before, _ = await newest_matrix(session)
    rows = _stored(matrix)
    made = await session.execute(
        text(
            "INSERT INTO approval_matrices (rows, call_back_over, note, operator, published_at)"
            " VALUES (CAST(:rows AS jsonb), :call_back_over, :note, :operator, clock_timestamp()) RETURNING version"
        ),
        {"rows": json.dumps(rows), "call_back_over": matrix.call_back_over, "note": note, "operator": operator},
    )
    version: int = made.scalar_one()
    line = AuditEntry(
        user_id=None,
        actor_role="system",
        action="approval.publish_matrix",
        resource_type="approval_matrix",
        resource_id=str(version),
        old_values={"version": before},
        new_values={
            "version": version,
            "rows": [row["name"] for row in rows],
            "call_back_over": matrix.call_back_over,
            "note": note,
            "operator": operator,
        },
        outcome=Outcome.DONE,
    )
    await append(session, line)
    return version


def _stored(matrix: Matrix) -> list[dict[str, Any]]:
    return [row.model_dump(mode="json") for row in matrix.rows]
