"""All transactions of the bank, for staff: searched, read one by one, taken back (contract §12)."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, Field, StringConstraints

from api import audit
from api.admin.audit import router
from api.deps import Db, Staff
from api.errors import documented
from api.pages import Page, PageQuery
from api.transactions.questions import Chosen
from api.transactions.reversals import ReversalView
from api.transactions.shapes import PostingView, TransactionView, detail, view
from models.auth import Permission
from models.tables import transactions
from models.tables.auth import Caller
from models.tables.transactions import Transaction, reversals
from models.tables.transactions.parties import Party, accounts_numbered, accounts_of_owner, parties
from models.users import Line

Reader = Annotated[Caller, Staff(Permission.TRANSACTIONS_READ)]
Approver = Annotated[Caller, Staff(Permission.TRANSACTIONS_APPROVE)]
# How far back a search over the whole bank looks that names no beginning.
_DAYS: Final = 31
_MOST_FOUND: Final = 50


class StaffTransaction(TransactionView):
    """A transaction with both sides of it."""

    payer: Party | None
    payee: Party | None


class StaffTransactionDetail(StaffTransaction):
    """A transaction with all its legs, and the newest reversal that was asked for."""

    postings: list[PostingView]
    accounts: list[Party]
    reversal: ReversalView | None


class StaffTransactions(Page[StaffTransaction]):
    """One page. `total` is exact to 1,000; beyond, `total_is_at_least` says that there are more."""

    total_is_at_least: bool = False
    since: datetime | None = Field(description="From when on was looked; null: from the beginning.")


class WaitingReversals(BaseModel):
    """Reversals that wait for a second officer, the longest waiting first."""

    data: list[ReversalView]
    total: int
    page: int
    total_pages: int


@router.get("/transactions", summary="Search all transactions", responses=documented(401, 403, 422))
@audit.disclosing
async def list_all_transactions(
    request: Request,
    _reader: Reader,
    db: Db,
    wanted: PageQuery,
    chosen: Chosen,
    account: Annotated[Line | None, Query(description="An account of a customer, by its number or id.")] = None,
    customer: Annotated[UUID | None, Query(description="All accounts of a customer.")] = None,
) -> StaffTransactions:
    """Newest first; deep pages by `cursor`. Of the last 31 days, unless an account, a customer or `from` is named. What
    was looked for, and by whom, is kept in the audit log."""
    asked = {name: value for name, value in request.query_params.items() if name not in {"page", "limit", "cursor"}}
    audit.note(request, "transaction", customer or account or "", new={"search": asked})
    accounts = await _accounts(db, account, customer)
    if accounts is None and chosen.since is None:
        chosen = chosen.model_copy(update={"since": (chosen.until or datetime.now(UTC)) - timedelta(days=_DAYS)})
    found = await transactions.newest(
        db, accounts, chosen, limit=wanted.limit, offset=wanted.offset, cursor=wanted.cursor
    )
    data = await _views(db, found.transactions)
    return StaffTransactions(
        data=data,
        total=found.total,
        total_is_at_least=found.at_least,
        page=wanted.page,
        total_pages=max(1, -(-found.total // wanted.limit)),
        next_cursor=data[-1].id if found.more and data else None,
        since=chosen.since,
    )


@router.get("/transactions/find", summary="Find a transaction by words", responses=documented(401, 403, 422))
@audit.disclosing
async def find_transactions(
    request: Request,
    _reader: Reader,
    db: Db,
    q: Annotated[Line, StringConstraints(min_length=1, max_length=100), Query()],
) -> StaffTransactions:
    """The newest in whose description, category, type, masked number or reference the words stand, or with that id."""
    audit.note(request, "transaction", new={"search": {"q": q}})
    found = await transactions.find_by_words(db, q, _MOST_FOUND)
    data = await _views(db, found)
    return StaffTransactions(data=data, total=len(data), page=1, total_pages=1, since=None)


@router.get(
    "/transactions/{transaction_id}", summary="A transaction with its legs", responses=documented(401, 403, 404)
)
@audit.disclosing
async def read_any_transaction(
    transaction_id: UUID, request: Request, _reader: Reader, db: Db
) -> StaffTransactionDetail:
    """Everything about one transaction. Who reads it is kept in the audit log."""
    audit.note(request, "transaction", transaction_id)
    (shown,) = await _views(db, [await transactions.find_any(db, transaction_id)])
    legs = await transactions.legs_of(db, transaction_id)
    known = await parties(db, [leg["account_id"] for leg in legs])
    asked = await reversals.newest_or_none(db, transaction_id)
    return StaffTransactionDetail(
        **shown.model_dump(),
        postings=detail(shown, legs).postings,
        accounts=list(known.values()),
        reversal=None if asked is None else ReversalView.model_validate(asked.model_dump()),
    )


@router.get("/reversals", summary="Reversals that wait for a second officer", responses=documented(401, 403))
async def list_waiting_reversals(
    _approver: Approver,
    db: Db,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> WaitingReversals:
    """They are confirmed by asking for the same reversal, or withdrawn by whoever has asked."""
    rows, total = await reversals.waiting(db, limit=limit, offset=(page - 1) * limit)
    return WaitingReversals(
        data=[ReversalView.model_validate(row.model_dump()) for row in rows],
        total=total,
        page=page,
        total_pages=max(1, -(-total // limit)),
    )


async def _accounts(db: Db, account: str | None, customer: UUID | None) -> list[UUID] | None:
    """The accounts that are asked about; None: all."""
    if account is None and customer is None:
        return None
    named = None if account is None else await _named(db, account)
    owned = None if customer is None else await accounts_of_owner(db, customer)
    if named is None or owned is None:
        return named if owned is None else owned
    return [one for one in named if one in owned]


async def _named(db: Db, account: str) -> list[UUID]:
    try:
        return [UUID(account)]
    except ValueError:
        return await accounts_numbered(db, account)


async def _views(db: Db, found: list[Transaction]) -> list[StaffTransaction]:
    undone = await transactions.reversed_among(db, [one.id for one in found])
    known = await parties(db, [side for one in found for side in (one.from_account_id, one.to_account_id)])

    def side(account: UUID | None) -> Party | None:
        return None if account is None else known.get(account)

    return [
        StaffTransaction(
            **view(one, reversed_since=one.id in undone).model_dump(),
            payer=side(one.from_account_id),
            payee=side(one.to_account_id),
        )
        for one in found
    ]
