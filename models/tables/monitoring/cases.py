"""Cases of monitoring, read and decided by officers. Row level security says which of them are there for whom."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn
from uuid import UUID

from sqlalchemy import DateTime, Interval, Row, bindparam, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, SQLModel, col

from models.errors import FourEyes, NotFound, WrongState
from models.monitoring import CaseChanged, CaseStatus, Outcome

_MOMENT: Final = DateTime(timezone=True)


class MonitoringCase(SQLModel, table=True):
    """A case. What officers may change of it, functions of the database change."""

    __tablename__ = "monitoring_cases"

    id: UUID = Field(primary_key=True)
    customer_id: UUID
    status: str
    alerts: int
    two_people: bool
    opened_at: datetime = Field(sa_type=_MOMENT)
    due_at: datetime = Field(sa_type=_MOMENT)
    assignee_id: UUID | None = None
    claimed_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    proposal: int = 0
    reason: str | None = None
    proposed_by: UUID | None = None
    proposed_at: datetime | None = Field(default=None, sa_type=_MOMENT)
    snooze_until: datetime | None = Field(default=None, sa_type=_MOMENT)
    ended_by: UUID | None = None
    ended_at: datetime | None = Field(default=None, sa_type=_MOMENT)


# Closed ones come from functions that tell all of them in the same words (0046_01_neutral_cases.sql).
_TOLD: Final = (
    "SELECT c.*, u.first_name || ' ' || u.last_name AS customer_name, u.risk_level,"
    " ARRAY(SELECT DISTINCT a.rule FROM monitoring_alerts a WHERE a.case_id = c.id ORDER BY 1) AS rules FROM"
)
_OF_CUSTOMER: Final = "c LEFT JOIN users u ON u.id = c.customer_id"
_CASES: Final = f"{_TOLD} monitoring_cases {_OF_CUSTOMER}"
_OPEN: Final = text(
    f"{_CASES} WHERE c.status = 'open' AND (CAST(:assignee AS uuid) IS NULL OR c.assignee_id = :assignee)"  # constants
    " ORDER BY c.due_at, c.id LIMIT :limit OFFSET :offset"
)
_ENDED: Final = text(
    f"{_CASES} WHERE c.status = :status AND (CAST(:assignee AS uuid) IS NULL OR c.assignee_id = :assignee)"  # constants
    " ORDER BY c.id DESC LIMIT :limit OFFSET :offset"
)
_CLOSED: Final = text(f"{_TOLD} monitoring_closed_cases(:assignee, :limit, :offset) {_OF_CUSTOMER} ORDER BY c.id DESC")
_COUNT_CLOSED: Final = text("SELECT monitoring_closed_count(:assignee)")
_ONE: Final = text(f"{_CASES} WHERE c.id = :id")  # constants
_ONE_CLOSED: Final = text(f"{_TOLD} monitoring_closed_case(:id) {_OF_CUSTOMER}")
_ALERTS: Final = text(
    "SELECT a.*, r.value AS parameters FROM monitoring_alerts a JOIN monitoring_rulebooks b ON b.version = a.rulebook"
    " CROSS JOIN LATERAL jsonb_array_elements(b.rules) r WHERE a.case_id = :id AND r.value ->> 'name' = a.rule"
    " ORDER BY a.happened_at DESC, a.id DESC LIMIT :most"
)
_EVIDENCE: Final = text(
    "SELECT e.* FROM monitoring_evidence e WHERE e.alert_id = ANY (:ids) ORDER BY e.alert_id, e.account_version DESC"
)
_EVENTS: Final = text("SELECT * FROM monitoring_events WHERE case_id = :id ORDER BY id DESC LIMIT :most")
_SUSPICIONS: Final = text(
    "SELECT officer_id, body, created_at FROM kyc_suspicions WHERE monitoring_case_id = :id ORDER BY id"
)
_TELL: Final = text(
    "INSERT INTO monitoring_events (case_id, customer_id, event, officer_id, body)"
    " VALUES (:case_id, :customer_id, :event, :officer, :body)"
)
_CLOSE: Final = text("SELECT monitoring_close(:id, :outcome, :why, :seen, :snooze)").bindparams(
    bindparam("snooze", type_=Interval)
)
_CONFIRM: Final = text("SELECT monitoring_confirm(:id, :number)")


async def cases_with(
    session: AsyncSession, status: CaseStatus, *, assignee: UUID | None, limit: int, offset: int
) -> Sequence[Row[Any]]:
    """The cases of a status, of one officer or of all: open ones by deadline, others newest first."""
    values = {"assignee": assignee, "limit": limit, "offset": offset}
    match status:
        case CaseStatus.OPEN:
            return (await session.execute(_OPEN, values)).all()
        case CaseStatus.CLOSED:
            return (await session.execute(_CLOSED, values)).all()
        case _:
            return (await session.execute(_ENDED, values | {"status": status.value})).all()


async def count_cases(session: AsyncSession, status: CaseStatus, assignee: UUID | None) -> int:
    """How many cases of a status there are."""
    if status is CaseStatus.CLOSED:
        return int((await session.execute(_COUNT_CLOSED, {"assignee": assignee})).scalar_one())
    counted = select(func.count()).select_from(MonitoringCase).where(col(MonitoringCase.status) == status)
    if assignee is not None:
        counted = counted.where(col(MonitoringCase.assignee_id) == assignee)
    return int((await session.execute(counted)).scalar_one())


async def find_case(session: AsyncSession, case_id: UUID) -> Row[Any]:
    """A case with its customer's name; a closed one in the words that are the same for all of them, for whoever may
    not know of suspicions. Raises `NotFound`, for one that its reader may not see too."""
    row = (await session.execute(_ONE, {"id": case_id})).one_or_none()
    if row is None:
        row = (await session.execute(_ONE_CLOSED, {"id": case_id})).one_or_none()
    if row is None:
        raise NotFound("There is no such case")
    return row


async def alerts_of(session: AsyncSession, case_id: UUID, most: int) -> Sequence[Row[Any]]:
    """The newest alerts of a case, each with the rule as it was published."""
    return (await session.execute(_ALERTS, {"id": case_id, "most": most})).all()


async def evidence_of(session: AsyncSession, alerts: Sequence[UUID]) -> Sequence[Row[Any]]:
    """The transactions that those alerts counted, the newest of each first."""
    return (await session.execute(_EVIDENCE, {"ids": list(alerts)})).all()


async def events_of(session: AsyncSession, case_id: UUID, most: int) -> Sequence[Row[Any]]:
    """What happened to a case, newest first."""
    return (await session.execute(_EVENTS, {"id": case_id, "most": most})).all()


async def suspicions_of(session: AsyncSession, case_id: UUID) -> Sequence[Row[Any]]:
    """The suspicions to which a case has led: none for who may not see them."""
    return (await session.execute(_SUSPICIONS, {"id": case_id})).all()


async def claim(session: AsyncSession, case_id: UUID, officer: UUID, at: datetime) -> None:
    """Says who looks after a case. Others may still decide: a claim is a name and no lock.

    Raises `NotFound` and `WrongState`.
    """
    await _assign(session, case_id, officer, at)
    await _tell(session, case_id, "claimed", officer)


async def give_back(session: AsyncSession, case_id: UUID, officer: UUID) -> None:
    """Nobody looks after a case any more. Raises `NotFound` and `WrongState`."""
    await _assign(session, case_id, None, None)
    await _tell(session, case_id, "given_back", officer)


async def comment(session: AsyncSession, case_id: UUID, officer: UUID, body: str) -> None:
    """Writes something for the other officers. Raises `NotFound` and `WrongState`."""
    await _open(session, case_id)
    await _tell(session, case_id, "commented", officer, body)


async def close(
    session: AsyncSession, case_id: UUID, outcome: Outcome, reason: str, *, seen: int, snooze: timedelta | None
) -> str:
    """Ends a case: `explained`, or `proposed` where a second officer has to confirm it, or `escalated`.

    `seen` is the number of alerts that the officer has read. Raises `NotFound`, `WrongState` and `CaseChanged`.
    """
    values = {"id": case_id, "outcome": outcome.value, "why": reason, "seen": seen, "snooze": snooze}
    done = str((await session.execute(_CLOSE, values)).scalar_one())
    if done not in {"explained", "proposed", "escalated"}:
        _refuse(done)
    return done


async def confirm(session: AsyncSession, case_id: UUID, number: int) -> None:
    """A second officer confirms the explanation of that number.

    Raises `NotFound`, `WrongState`, `FourEyes` and `CaseChanged`.
    """
    done = str((await session.execute(_CONFIRM, {"id": case_id, "number": number})).scalar_one())
    if done != "explained":
        _refuse(done)


def _refuse(why: str) -> NoReturn:
    match why:
        case "not_found":
            raise NotFound("There is no such case")
        case "four_eyes":
            raise FourEyes("You have explained this case; somebody else confirms it")
        case "changed":
            raise CaseChanged("The case has other alerts, or another explanation, than you have read; read it again")
        case _:
            raise WrongState("The case is closed")


async def _open(session: AsyncSession, case_id: UUID) -> Row[Any]:
    row = await find_case(session, case_id)
    if row.status != CaseStatus.OPEN:
        raise WrongState("The case is closed")
    return row


async def _assign(session: AsyncSession, case_id: UUID, officer: UUID | None, at: datetime | None) -> None:
    await _open(session, case_id)
    moved = await session.execute(
        update(MonitoringCase)
        .where(col(MonitoringCase.id) == case_id, col(MonitoringCase.status) == CaseStatus.OPEN)
        .values(assignee_id=officer, claimed_at=at)
        .returning(col(MonitoringCase.id))
    )
    if moved.scalar_one_or_none() is None:
        raise WrongState("The case is closed")


async def _tell(session: AsyncSession, case_id: UUID, event: str, officer: UUID, body: str = "") -> None:
    row = await find_case(session, case_id)
    values = {"case_id": case_id, "customer_id": row.customer_id, "event": event, "officer": officer, "body": body}
    await session.execute(_TELL, values)
