"""The bank at a glance: what waits for somebody, and whether something is wrong (contract §12)."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, Field
from sqlalchemy import text

from api.admin.audit import router
from api.deps import Db, Staff
from api.errors import documented
from models.tables.auth import Caller


class Day(BaseModel):
    """How many wires were ordered on a day, in UTC."""

    day: date
    wires: int = Field(examples=[12])


class Dashboard(BaseModel):
    """Counts of now. `late`: undecided after their deadline."""

    to_decide: int = Field(examples=[3])
    late: int = Field(examples=[0])
    next_deadline: datetime | None
    under_way: int = Field(description="Being checked, released, or with the bank.", examples=[5])
    blocked: int = Field(examples=[1])
    completed_today: int = Field(examples=[40])
    mail_failed: int = Field(description="Messages of which nobody knows that they left.", examples=[0])
    outbox_waiting: int = Field(description="What has not reached Temporal yet.", examples=[0])
    quarantined: int = Field(description="Files of the bank that wait for a person.", examples=[0])
    monitoring_open: int | None = Field(description="Cases of monitoring; null: not for you to see.", examples=[2])
    breaks_open: int | None = Field(description="Where the bank's books and ours differ; null likewise.", examples=[0])
    reversals_waiting: int | None = Field(description="For a second officer; null likewise.", examples=[0])
    frozen: bool = Field(description="Whether posting is suspended.", examples=[False])
    proven_at: datetime | None = Field(description="When the ledger was proven last, however that ended.")
    days: list[Day] = Field(description="The last fourteen days, oldest first.")


@router.get("/dashboard", summary="The bank at a glance", responses=documented(401, 403))
async def read_dashboard(_staff: Annotated[Caller, Staff("wires:read")], db: Db) -> Dashboard:
    """What waits for somebody, and whether something is wrong."""
    found = (await db.execute(text("SELECT staff_dashboard()"))).scalar_one()
    return Dashboard.model_validate(found)
