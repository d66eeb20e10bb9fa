"""The rules of transaction monitoring, for those who run it: what decides now, what is proposed (contract §12)."""

from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Path, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api import audit
from api.admin.audit import router
from api.admin.monitoring import Officer, Reader
from api.deps import Db, Staff
from api.errors import documented
from api.step_up import FreshAuthentication
from models.auth import Permission
from models.monitoring import DEFAULT_RULES, Rule, Rulebook
from models.tables.auth import Caller
from models.tables.monitoring import rulebooks

_Senior = Annotated[Caller, Staff(Permission.WIRES_HIGH_VALUE)]
_Version = Annotated[int, Path(ge=1, le=2**31 - 1)]
_MOST_VERSIONS: Final = 50
_EXAMPLE: Final[dict[str, Any]] = {"rules": DEFAULT_RULES.stored()[:1], "note": "Fewer alerts on payrolls"}


class RulebookView(BaseModel):
    """The rules of a version: who proposed and who published them, and whether they decide now."""

    version: int = Field(examples=[1])
    rules: list[Rule]
    note: str = Field(examples=["As shipped"])
    proposed_by: UUID | None
    proposed_at: datetime
    published_by: UUID | None
    published_at: datetime | None
    decides: bool


class Rulebooks(BaseModel):
    """The newest versions, newest first."""

    data: list[RulebookView]


class RulebookIn(Rulebook):
    """Rules that are proposed, all of them, and why they change."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": _EXAMPLE},
    )

    note: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


@router.get("/monitoring/rulebooks", summary="The rules of monitoring", responses=documented(401, 403))
async def list_rulebooks(_reader: Reader, db: Db) -> Rulebooks:
    """In their versions. The newest published one decides about what is looked at from then on."""
    rows = await rulebooks.rulebooks(db, _MOST_VERSIONS)
    deciding = next((row.version for row in rows if row.published_at), None)
    return Rulebooks(data=[_view(row, decides=row.version == deciding) for row in rows])


@router.post(
    "/monitoring/rulebooks", status_code=201, summary="Propose rules of monitoring", responses=documented(401, 403)
)
async def propose_rulebook(body: RulebookIn, request: Request, officer: Officer, db: Db) -> RulebookView:
    """Nothing changes until a senior officer, who is somebody else, publishes them."""
    audit.note(request, "monitoring_rulebook", new={"rules": [rule.name for rule in body.rules], "note": body.note})
    made = await rulebooks.propose(db, Rulebook(rules=body.rules), body.note, officer.id)
    audit.note(request, "monitoring_rulebook", made.version)
    return _view(made, decides=False)


@router.post(
    "/monitoring/rulebooks/{version}/publish",
    summary="Publish rules of monitoring",
    responses=documented(401, 403, 404, 409),
)
async def publish_rulebook(
    version: _Version, request: Request, _officer: Officer, senior: _Senior, _fresh: FreshAuthentication, db: Db
) -> RulebookView:
    """They decide about what is looked at from now on; what was looked at is not looked at again."""
    audit.note(request, "monitoring_rulebook", version, new={"published": True})
    return _view(await rulebooks.publish(db, version, senior.id), decides=True)


def _view(row: Any, *, decides: bool) -> RulebookView:
    return RulebookView.model_validate({**row._mapping, "decides": decides})
