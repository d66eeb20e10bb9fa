"""The bank's statements against our books: how each account stands, where they differ, and what people say of it
(contract §12)."""

from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlmodel import col

from api import audit
from api.admin.audit import router
from api.amounts import Amount
from api.deps import Configuration, Db, Staff, StaffWithAny
from api.errors import documented
from api.pages import Page, PageQuery, page_of
from infra.settings import BankHours
from models.auth import Permission
from models.calendars import Hours, business_days_between
from models.money import to_decimal
from models.reconciliation import BreakKind, BreakStatus
from models.tables import calendars, reconciliation_breaks
from models.tables.auth import Caller
from models.tables.bank_statements import account_key
from models.tables.reconciliation_breaks import ReconciliationBreak

Watcher = Annotated[Caller, StaffWithAny(Permission.ADMIN_SYSTEM, Permission.ADMIN_REPORTS)]
Operator = Annotated[Caller, Staff(Permission.ADMIN_SYSTEM)]
_STATEMENTS: Final = 60


class BooksView(BaseModel):
    """One of our accounts at the bank. Above zero, the bank owes us."""

    account: str = Field(examples=["NL87MOCK0000009001"])
    currency: str = Field(examples=["USD"])
    day: date = Field(description="Of the newest statement.")
    theirs: Amount | None = Field(description="Its closing balance.")
    ours: Amount = Field(description="What our books say now.")
    not_in_ours: Amount = Field(description="The sum of the bank's entries that we have not booked.")
    not_in_theirs: Amount = Field(description="The sum of our postings that are on no statement yet.")
    open_breaks: int = Field(examples=[0])


class StatementDayView(BaseModel):
    """A statement of the bank and what became of it."""

    account: str
    currency: str
    day: date
    statement_id: str = Field(examples=["MB-STMT-1"])
    sequence: int | None = Field(examples=[7])
    message_id: UUID = Field(description="The message as it came.")
    opening: Amount | None
    closing: Amount | None
    entries: int = Field(examples=[12])
    matched: int = Field(examples=[12])
    open_breaks: int = Field(examples=[0])


class BreakView(BaseModel):
    """Where the bank's books and ours differ. Amounts are from the side of the bank: below zero it debited us."""

    id: UUID
    kind: BreakKind
    account: str
    currency: str
    day: date = Field(description="In the bank's books, or the value date in ours.")
    age: int | None = Field(description="Banking days since then; null where no calendar knows.", examples=[3])
    theirs: Amount | None = Field(description="Of a gap: what is missing.")
    ours: Amount | None
    detail: str = Field(examples=["payment W019ABC"])
    transaction_id: UUID | None = Field(description="Our entry, where there is one.")
    two_people: bool = Field(description="Whether somebody else has to confirm the explanation.")
    status: BreakStatus
    explanation: int = Field(description="The number of the explanation, to be confirmed by it. 0: none.")
    reason: str | None
    proposed_by: UUID | None
    proposed_at: datetime | None
    confirmed_by: UUID | None
    ended_at: datetime | None
    created_at: datetime


class ReconciliationView(BaseModel):
    """How the bank's books and ours stand."""

    accounts: list[BooksView]
    statements: list[StatementDayView] = Field(description=f"The newest {_STATEMENTS}, newest first.")
    open_breaks: int = Field(examples=[0])


class Explained(BaseModel):
    """Why the books differ."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"reason": "Fee of the correspondent"}})

    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500)]


class Confirmed(BaseModel):
    """Which explanation is confirmed."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"explanation": 1}})

    explanation: int = Field(ge=1, description="Its number, as it was read.")


@router.get("/reconciliation", summary="The bank's statements against our books", responses=documented(401, 403))
async def read_reconciliation(
    _watcher: Watcher, db: Db, account: Annotated[str | None, Query(max_length=34)] = None
) -> ReconciliationView:
    """Each account by its newest statement, and the newest statements, of one account or of all. They are compared with
    our books every quarter of an hour."""
    wanted = None if account is None else account_key(account)
    books = [one for one in await reconciliation_breaks.books(db) if wanted in {None, one.account}]
    return ReconciliationView(
        accounts=[
            BooksView(
                theirs=None if one.theirs_minor is None else to_decimal(one.theirs_minor, one.currency),
                ours=to_decimal(one.ours_minor, one.currency),
                not_in_ours=to_decimal(one.not_in_ours_minor, one.currency),
                not_in_theirs=to_decimal(one.not_in_theirs_minor, one.currency),
                **one.model_dump(include={"account", "currency", "day", "open_breaks"}),
            )
            for one in books
        ],
        statements=[
            StatementDayView(
                opening=None if one.opening_minor is None else to_decimal(one.opening_minor, one.currency),
                closing=None if one.closing_minor is None else to_decimal(one.closing_minor, one.currency),
                **one.model_dump(exclude={"opening_minor", "closing_minor"}),
            )
            for one in await reconciliation_breaks.days(db, wanted, _STATEMENTS)
        ],
        open_breaks=sum(one.open_breaks for one in books),
    )


@router.get("/reconciliation/breaks", summary="Where the bank's books and ours differ", responses=documented(401, 403))
async def list_breaks(
    _watcher: Watcher,
    db: Db,
    settings: Configuration,
    wanted: PageQuery,
    status: Annotated[list[BreakStatus] | None, Query()] = None,
    kind: Annotated[list[BreakKind] | None, Query()] = None,
    account: Annotated[str | None, Query(max_length=34)] = None,
) -> Page[BreakView]:
    """Newest first; open ones, unless other ones are asked for. `closed`: the other side came."""
    chosen = reconciliation_breaks.breaks(
        tuple(status or (BreakStatus.OPEN,)), tuple(kind or ()), None if account is None else account_key(account)
    )
    hours = await _hours(db, settings)
    return await page_of(db, chosen, col(ReconciliationBreak.id), wanted, lambda row: _view(row, hours))


@router.post(
    "/reconciliation/breaks/{break_id}/explain",
    summary="Explain a break",
    responses=documented(400, 401, 403, 404, 409),
)
async def explain_break(
    break_id: UUID, body: Explained, request: Request, operator: Operator, db: Db, settings: Configuration
) -> BreakView:
    """Says why the books differ. That ends a small one; a large one (or one that nobody can tell the amount of) stays
    open until somebody else confirms it, and may be explained anew meanwhile."""
    audit.note(request, "reconciliation_break", break_id, new={"reason": body.reason})
    row = await reconciliation_breaks.explain(db, break_id, operator.id, body.reason, datetime.now(UTC))
    return _view(row, await _hours(db, settings))


@router.post(
    "/reconciliation/breaks/{break_id}/confirm",
    summary="Confirm the explanation of a break",
    responses=documented(400, 401, 403, 404, 409),
)
async def confirm_break(
    break_id: UUID, body: Confirmed, request: Request, operator: Operator, db: Db, settings: Configuration
) -> BreakView:
    """By somebody else than who explained it."""
    audit.note(request, "reconciliation_break", break_id, new={"confirmed": body.explanation})
    row = await reconciliation_breaks.confirm(db, break_id, operator.id, body.explanation, datetime.now(UTC))
    return _view(row, await _hours(db, settings))


async def _hours(db: Db, settings: Configuration) -> dict[str, Hours]:
    """The banking days by which breaks age, by currency; without those that no calendar knows of."""
    always = settings.bank_hours is BankHours.ALWAYS
    found = {}
    for currency in await reconciliation_breaks.currencies(db):
        with suppress(LookupError):
            found[currency] = await calendars.open_hours(db, currency, always=always)
    return found


def _age(row: ReconciliationBreak, hours: Hours | None) -> int | None:
    if hours is None:
        return None
    try:
        return business_days_between(hours, row.day, hours.business_day(row.ended_at or datetime.now(UTC)))
    except LookupError:
        return None


def _view(row: ReconciliationBreak, by_currency: dict[str, Hours]) -> BreakView:
    return BreakView(
        age=_age(row, by_currency.get(row.currency)),
        theirs=None if row.theirs_minor is None else to_decimal(row.theirs_minor, row.currency),
        ours=None if row.ours_minor is None else to_decimal(row.ours_minor, row.currency),
        kind=BreakKind(row.kind),
        status=BreakStatus(row.status),
        explanation=row.proposal,
        **row.model_dump(
            exclude={"subject", "theirs_minor", "ours_minor", "kind", "status", "proposal", "statement_id"}
        ),
    )
