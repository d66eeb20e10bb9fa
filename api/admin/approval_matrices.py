"""The approval matrix in its versions, for those who propose and publish them (contract §12)."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from api import audit
from api.admin.audit import router
from api.admin.versions import MOST_VERSIONS, Note, Refusal, Senior, Version, VersionView, described, refuse
from api.deps import Configuration, Db, Staff
from api.errors import documented
from api.step_up import FreshAuthentication
from models.auth import Permission
from models.tables.auth import Caller
from models.tables.wires.matrices import MATRICES, effect_of, propose_matrix
from models.wires import DEFAULT_MATRIX, Matrix, Row
from models.wires.effect import Effect

_Reader = Annotated[Caller, Staff(Permission.WIRES_READ)]
_Officer = Annotated[Caller, Staff(Permission.ADMIN_COMPLIANCE)]
_WIRES_LOOKED_AT: Final = 500
_EXAMPLE: Final[dict[str, Any]] = {
    "rows": DEFAULT_MATRIX.model_dump(mode="json")["rows"][-1:],
    "call_back_over": 1_000_000,
    "note": "One officer for everything",
}


class MatrixVersion(VersionView):
    """A version of the matrix: who proposed and who published it, and in what it differs from the one before.

    `operator`: the name of the operator whose command has published it at once; nobody else has looked at that one.
    """

    rows: list[Row]
    call_back_over: int | None = Field(examples=[1_000_000])
    operator: str | None = Field(examples=["migration"])
    unseen: list[str] = Field(description="The rows by which wires leave that no officer has seen.")


class MatrixVersions(BaseModel):
    """The newest versions, newest first. Amounts are in the base currency."""

    base_currency: str = Field(examples=["EUR"])
    data: list[MatrixVersion]


class MatrixIn(Matrix):
    """A matrix that is proposed, all of it, and why it changes."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": _EXAMPLE})

    note: Note


class _CallBack(BaseModel):
    """From which amount on customers are called back, as a part of a version. No row can have its name."""

    name: str = "call back"
    over: int | None


@router.get("/approval-matrices", summary="Versions of the approval matrix", responses=documented(401, 403))
async def list_matrices(_reader: _Reader, db: Db, settings: Configuration) -> MatrixVersions:
    """The newest published one decides about wires that are routed from then on."""
    rows = await MATRICES.newest(db, MOST_VERSIONS)
    return MatrixVersions(base_currency=settings.base_currency, data=[_view(row, rows) for row in rows])


@router.post(
    "/approval-matrices", status_code=201, summary="Propose an approval matrix", responses=documented(401, 403)
)
async def propose_approval_matrix(
    body: MatrixIn, request: Request, _reader: _Reader, officer: _Officer, db: Db
) -> MatrixVersion:
    """Nothing changes until a senior officer, who is somebody else, publishes it. One in which more risk means fewer
    approvers, or that leaves wires out, is refused with its rows."""
    told = {"rows": [row.name for row in body.rows], "call_back_over": body.call_back_over, "note": body.note}
    audit.note(request, "approval_matrix", new=told)
    version = await propose_matrix(db, body, note=body.note, officer=officer.id)
    audit.note(request, "approval_matrix", version)
    return await _shown(db, version)


@router.get(
    "/approval-matrices/{version}/effect",
    summary="What a matrix would have asked for",
    responses=documented(401, 403, 404),
)
async def read_matrix_effect(version: Version, _reader: _Reader, db: Db, settings: Configuration) -> Effect:
    """About the newest 500 wires that were routed: what the version would have asked for, beside what they took."""
    return await effect_of(db, version, currency=settings.base_currency, most=_WIRES_LOOKED_AT)


@router.post(
    "/approval-matrices/{version}/publish",
    summary="Publish an approval matrix",
    responses=documented(401, 403, 404, 409),
)
async def publish_approval_matrix(
    version: Version,
    request: Request,
    _reader: _Reader,
    _officer: _Officer,
    senior: Senior,
    _fresh: FreshAuthentication,
    db: Db,
) -> MatrixVersion:
    """It decides about wires that are routed from now on; those that were routed keep their approvers."""
    audit.note(request, "approval_matrix", version, new={"published": True})
    await MATRICES.publish(db, version, senior.id)
    return await _shown(db, version)


@router.post(
    "/approval-matrices/{version}/refuse",
    summary="Refuse an approval matrix, or withdraw one's own",
    responses=documented(401, 403, 404, 409),
)
async def refuse_approval_matrix(
    version: Version, body: Refusal, request: Request, _reader: _Reader, officer: _Officer, db: Db
) -> MatrixVersion:
    """A senior officer refuses what somebody else has proposed; whoever proposed it withdraws it. What decides stays
    as it is."""
    audit.note(request, "approval_matrix", version, new={"refused": True, "reason": body.reason})
    await refuse(db, MATRICES, version, officer, body.reason)
    return await _shown(db, version)


async def _shown(db: Db, version: int) -> MatrixVersion:
    rows = await MATRICES.newest(db, MOST_VERSIONS)
    return _view(await MATRICES.find(db, version), rows)


def _view(row: Any, rows: Sequence[Any]) -> MatrixVersion:
    unseen = [one["name"] for one in row.rows if not one["approvers"]]
    told = described(row, rows, _parts, ordered=True)
    return MatrixVersion.model_validate({**row._mapping, **told, "unseen": unseen})


def _parts(row: Any) -> list[BaseModel]:
    # A row that is kept was checked with its matrix when that was proposed.
    return [*map(Row.model_validate, row.rows), _CallBack(over=row.call_back_over)]
