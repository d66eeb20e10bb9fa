"""What the versions of anything that two people publish have in common, for those who propose and publish them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.deps import Db, Staff
from models.auth import Permission
from models.errors import PermissionMissing
from models.proposals import Change, ProposalStatus, changes
from models.tables.auth import Caller
from models.tables.proposals import Versions, standing

Senior = Annotated[Caller, Staff(Permission.WIRES_HIGH_VALUE)]
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
MOST_VERSIONS: Final = 50


class VersionView(BaseModel):
    """A version: where it stands, who did what, and in what it differs from the published one before it.

    `decides`: it is the one that counts now. `refused_by` is whoever proposed it where it was withdrawn.
    """

    version: int = Field(examples=[2])
    status: ProposalStatus
    decides: bool
    note: str = Field(description="Why it was proposed.", examples=["Fewer alerts on payrolls"])
    proposed_by: UUID | None
    proposed_at: datetime | None
    published_by: UUID | None
    published_at: datetime | None
    refused_by: UUID | None
    refused_at: datetime | None
    refusal: str | None = Field(description="Why it was refused or withdrawn.", examples=["Payrolls are five now"])
    changes: list[Change]


class Refusal(BaseModel):
    """Why it is refused, or withdrawn."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "Payrolls are five now"}})

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


def described(
    row: Any, rows: Sequence[Any], parts: Callable[[Any], Sequence[BaseModel]], *, ordered: bool = False
) -> dict[str, Any]:
    """What a view says about a version beside its columns. `rows` are the versions around it, `parts` reads the parts
    of one of them, and `ordered` is whether their order means something."""
    status, before = standing(row, rows)
    differences = [] if before is None else changes(parts(before), parts(row), ordered=ordered)
    deciding = max((other.version for other in rows if other.published_at is not None), default=None)
    return {"status": status, "decides": row.version == deciding, "changes": differences}


async def refuse(db: Db, versions: Versions, version: int, officer: Caller, reason: str) -> None:
    """Refuses a version, or withdraws it for whoever has proposed it.

    Raises `PermissionMissing` for what somebody else has proposed without the right to publish it, and what
    `Versions.refuse` raises.
    """
    row = await versions.find(db, version)
    needed = Permission.WIRES_HIGH_VALUE
    if row.proposed_by != officer.id and needed not in officer.permissions:
        raise PermissionMissing(f"This needs the permission {needed}", permission=needed)
    await versions.refuse(db, version, officer.id, reason)
