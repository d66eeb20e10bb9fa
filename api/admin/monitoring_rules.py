"""The rules of transaction monitoring, for those who run it: what decides now, what is proposed (contract §12)."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi import Request
from pydantic import BaseModel, ConfigDict

from api import audit
from api.admin.audit import router
from api.admin.monitoring import Officer, Reader
from api.admin.versions import MOST_VERSIONS, Note, Refusal, Senior, Version, VersionView, described, refuse
from api.deps import Db
from api.errors import documented
from api.step_up import FreshAuthentication
from models.monitoring import DEFAULT_RULES, Rule, Rulebook
from models.tables.monitoring.rulebooks import RULEBOOKS, propose

_EXAMPLE: Final[dict[str, Any]] = {"rules": DEFAULT_RULES.stored()[:1], "note": "Fewer alerts on payrolls"}


class RulebookView(VersionView):
    """The rules of a version: who proposed and who published them, and in what they differ from those before."""

    rules: list[Rule]


class Rulebooks(BaseModel):
    """The newest versions, newest first."""

    data: list[RulebookView]


class RulebookIn(Rulebook):
    """Rules that are proposed, all of them, and why they change."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": _EXAMPLE},
    )

    note: Note


@router.get("/monitoring/rulebooks", summary="The rules of monitoring", responses=documented(401, 403))
async def list_rulebooks(_reader: Reader, db: Db) -> Rulebooks:
    """In their versions. The newest published one decides about what is looked at from then on."""
    rows = await RULEBOOKS.newest(db, MOST_VERSIONS)
    return Rulebooks(data=[_view(row, rows) for row in rows])


@router.post(
    "/monitoring/rulebooks", status_code=201, summary="Propose rules of monitoring", responses=documented(401, 403)
)
async def propose_rulebook(body: RulebookIn, request: Request, officer: Officer, db: Db) -> RulebookView:
    """Nothing changes until a senior officer, who is somebody else, publishes them."""
    audit.note(request, "monitoring_rulebook", new={"rules": [rule.name for rule in body.rules], "note": body.note})
    made = await propose(db, Rulebook(rules=body.rules), body.note, officer.id)
    audit.note(request, "monitoring_rulebook", made.version)
    return await _shown(db, made.version)


@router.post(
    "/monitoring/rulebooks/{version}/publish",
    summary="Publish rules of monitoring",
    responses=documented(401, 403, 404, 409),
)
async def publish_rulebook(
    version: Version, request: Request, _officer: Officer, senior: Senior, _fresh: FreshAuthentication, db: Db
) -> RulebookView:
    """They decide about what is looked at from now on; what was looked at is not looked at again."""
    audit.note(request, "monitoring_rulebook", version, new={"published": True})
    await RULEBOOKS.publish(db, version, senior.id)
    return await _shown(db, version)


@router.post(
    "/monitoring/rulebooks/{version}/refuse",
    summary="Refuse rules of monitoring, or withdraw one's own",
    responses=documented(401, 403, 404, 409),
)
async def refuse_rulebook(version: Version, body: Refusal, request: Request, officer: Officer, db: Db) -> RulebookView:
    """A senior officer refuses what somebody else has proposed; whoever proposed it withdraws it. What decides stays
    as it is."""
    audit.note(request, "monitoring_rulebook", version, new={"refused": True, "reason": body.reason})
    await refuse(db, RULEBOOKS, version, officer, body.reason)
    return await _shown(db, version)


async def _shown(db: Db, version: int) -> RulebookView:
    rows = await RULEBOOKS.newest(db, MOST_VERSIONS)
    row = await RULEBOOKS.find(db, version)
    return _view(row, rows)


def _view(row: Any, rows: Sequence[Any]) -> RulebookView:
    return RulebookView.model_validate({**row._mapping, **described(row, rows, _rules)})


def _rules(row: Any) -> tuple[Rule, ...]:
    return Rulebook.model_validate({"rules": row.rules}).rules
