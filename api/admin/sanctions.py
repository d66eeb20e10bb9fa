"""Where the lists stand, for those who watch and those who decide by them (contract §12)."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, Field

from api.admin.audit import router
from api.deps import Db, StaffWithAny
from api.errors import documented
from api.parts import parts_of
from models.auth import Permission
from models.screening import Purpose
from models.screening.lists import ListStatus
from models.tables import sanctions
from models.tables.auth import Caller

Reader = Annotated[Caller, StaffWithAny(Permission.ADMIN_COMPLIANCE, Permission.ADMIN_SYSTEM, Permission.ADMIN_REPORTS)]


class ListView(BaseModel):
    """A list. `stale`: wires wait until its source has been asked again."""

    name: str = Field(examples=["OFAC-SDN"])
    purpose: Purpose
    version: str | None = Field(description="Null before anything was loaded.", examples=["2026-11-20"])
    entries: int = Field(examples=[17541])
    loaded_at: datetime | None = Field(description="When this version was taken in.")
    checked_at: datetime | None = Field(description="When its source last confirmed that this is what it has.")
    age_seconds: int | None = Field(description="Since then.", examples=[3600])
    stale: bool = Field(examples=[False])
    added: int = Field(description="Entries that this version brought.", examples=[12])
    changed: int = Field(examples=[3])
    removed: int = Field(examples=[1])
    malformed: int = Field(description="Records of its file that could not be read.", examples=[0])
    source: str | None = Field(examples=["bundled"])
    failed_at: datetime | None
    failure: str | None = Field(description="Why the last refresh did not come about; null if it did.")


class Lists(BaseModel):
    """All lists: they are few, and come on one page. `stale` if any of them stops wires."""

    data: list[ListView]
    stale: bool = Field(examples=[False])
    total: int = Field(examples=[1])
    page: int = Field(default=1, examples=[1])
    total_pages: int = Field(default=1, examples=[1])


@router.get("/sanctions", summary="Sanctions lists and their age", responses=documented(401, 403))
async def read_sanctions_lists(request: Request, _reader: Reader, db: Db) -> Lists:
    """Each list with its version, how old that is, and what the last refresh has done. No list at all is stale too."""
    most = timedelta(seconds=parts_of(request.scope).settings.sanctions_stale_seconds)
    views = [_view(one, most) for one in await sanctions.status(db)]
    usable = [one for one in views if one.purpose is Purpose.SANCTIONS]
    return Lists(data=views, stale=not usable or any(one.stale for one in usable), total=len(views))


def _view(one: ListStatus, most: timedelta) -> ListView:
    return ListView.model_validate(
        {
            **one.model_dump(exclude={"age", "version_id"}),
            "age_seconds": None if one.age is None else int(one.age.total_seconds()),
            "stale": one.stale(most),
        }
    )
