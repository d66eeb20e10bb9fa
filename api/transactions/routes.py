"""The operations on transactions. What they do is in `models.tables.transactions`; here it is asked for."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request
from pydantic import StringConstraints

from api import audit
from api.deps import Configuration, Db
from api.errors import documented
from api.idempotency import IdempotencyKey
from api.moments import Moment
from api.pages import PageQuery, Wanted
from api.transactions.orders import TransferIn
from api.transactions.questions import Chosen, asked_accounts
from api.transactions.router import Maker, Reader, router
from api.transactions.shapes import (
    Analytics,
    Categories,
    CategoryView,
    TransactionDetail,
    TransactionPage,
    TransactionView,
    TransferEstimate,
    analytics_of,
    detail,
    estimate,
    view,
)
from models.auth import Role
from models.errors import RuleRefused
from models.tables import transactions
from models.tables.accounts import accounts_of
from models.tables.auth import Caller
from models.tables.transactions import Found, Transaction
from models.transactions import CATEGORIES
from models.users import Line

Words = Annotated[Line, StringConstraints(min_length=1, max_length=100)]
_LONGEST_PERIOD = timedelta(days=366)


@router.post(
    "/transfer", status_code=201, summary="Transfer within this bank", responses=documented(400, 401, 403, 404, 409)
)
async def create_transfer(
    body: TransferIn,
    request: Request,
    caller: Maker,
    db: Db,
    settings: Configuration,
    _key: IdempotencyKey,
) -> TransactionView:
    """Moves money at once: with the answer it is on the other account. `fee` was taken beside the amount; what it will
    be says `estimate-fee`. Refused, it leaves nothing behind."""
    audit.note(request, "transaction", new=body.model_dump(mode="json"))
    done = await transactions.transfer(db, caller.id, body.order(), settings.transfer_fees)
    audit.note(request, "transaction", done.id, new={"status": done.status})
    return view(done)


@router.post("/estimate-fee", summary="What a transfer would cost", responses=documented(400, 401, 403, 404))
async def estimate_fee(body: TransferIn, caller: Maker, db: Db, settings: Configuration) -> TransferEstimate:
    """A dry run of a transfer within the bank: the fee that would be taken beside the amount. Moves nothing, and counts
    against no limit. Between your own accounts nothing is charged."""
    return estimate(await transactions.quote(db, caller.id, body.order(), settings.transfer_fees))


@router.get("", summary="Your transactions", responses=documented(401, 403, 404))
async def list_transactions(
    caller: Reader, db: Db, wanted: PageQuery, chosen: Chosen, account: UUID | None = None
) -> TransactionPage:
    """What moved on your accounts, newest first; for staff, on all. Deep pages are read by `cursor`."""
    accounts = await asked_accounts(db, caller, account)
    found = await transactions.newest(
        db, accounts, chosen, limit=wanted.limit, offset=wanted.offset, cursor=wanted.cursor
    )
    return await _page(db, caller, found, wanted)


@router.get("/search", summary="Search your transactions", responses=documented(400, 401, 403, 404))
async def search_transactions(
    caller: Reader, db: Db, wanted: PageQuery, q: Annotated[Words, Query()], account: UUID | None = None
) -> TransactionPage:
    """By words of description, category, type, masked number or reference, or of whom a wire or payment of yours went
    to; the last one perhaps only begun. What is found nowhere is looked for in what is written alike. Newest first.
    Staff names an account."""
    accounts = await asked_accounts(db, caller, account)
    if accounts is None:
        raise RuleRefused("Name the account to search in")
    found = await transactions.search(db, accounts, q, limit=wanted.limit, offset=wanted.offset)
    page = await _page(db, caller, found, wanted)
    return page.model_copy(update={"next_cursor": None})


@router.get("/categories", summary="Categories of transactions", responses=documented(401, 403))
async def list_categories(caller: Reader, db: Db) -> Categories:
    """The categories that are offered, and others that you use."""
    accounts = await asked_accounts(db, caller, None)
    used = await transactions.categories_of(db, accounts or [])
    names = [*CATEGORIES, *sorted(used.keys() - set(CATEGORIES))]
    return Categories(data=[CategoryView(category=name, used=used.get(name, 0)) for name in names])


@router.get("/analytics", summary="Spending and income", responses=documented(400, 401, 403, 404))
async def analyse(
    caller: Reader,
    db: Db,
    since: Annotated[Moment | None, Query(alias="from", description="The first of this month, if not said.")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="Now, if not said.")] = None,
    account: UUID | None = None,
) -> Analytics:
    """In and out by month and category, and the largest debits, beside the period of the same length before."""
    end = (until or datetime.now(UTC)).astimezone(UTC)
    start = (since or end.replace(day=1, hour=0, minute=0, second=0, microsecond=0)).astimezone(UTC)
    if not timedelta() < end - start <= _LONGEST_PERIOD:
        raise RuleRefused("The period ends after it begins, and is at most a year long")
    accounts = await asked_accounts(db, caller, account)
    if accounts is None:
        raise RuleRefused("Name the account that you ask about")
    parts = await transactions.moved(db, accounts, start, end)
    largest = await transactions.largest(db, accounts, start, end)
    shown = {
        one.id: one
        for one in await _views(db, caller, await transactions.by_ids(db, [i for ids in largest.values() for i in ids]))
    }
    return Analytics(
        since=start,
        until=end,
        previous_since=start - (end - start),
        data=[
            analytics_of(
                currency,
                [part for part in parts if part.currency == currency],
                [shown[i] for i in largest.get(currency, []) if i in shown],
            )
            for currency in sorted({part.currency for part in parts})
        ],
    )


@router.get("/{transaction_id}", summary="One transaction", responses=documented(401, 403, 404))
async def read_transaction(transaction_id: UUID, caller: Reader, db: Db) -> TransactionDetail:
    """What moved, between which accounts, with the legs on the reader's own."""
    (shown,) = await _views(db, caller, [await transactions.find_any(db, transaction_id)])
    return detail(shown, await transactions.legs_of(db, transaction_id))


async def _views(db: Db, caller: Caller, found: list[Transaction]) -> list[TransactionView]:
    undone = await transactions.reversed_among(db, [one.id for one in found])
    # What the other side paid for sending money is theirs to know.
    payers = None
    if caller.role == Role.CUSTOMER and any(one.fee_minor for one in found):
        payers = {account.id for account in await accounts_of(db, caller.id)}
    return [
        view(one, reversed_since=one.id in undone, shows_fee=payers is None or one.from_account_id in payers)
        for one in found
    ]


async def _page(db: Db, caller: Caller, found: Found, wanted: Wanted) -> TransactionPage:
    data = await _views(db, caller, found.transactions)
    return TransactionPage(
        data=data,
        total=found.total,
        total_is_at_least=found.at_least,
        page=wanted.page,
        total_pages=max(1, -(-found.total // wanted.limit)),
        next_cursor=data[-1].id if found.more and data else None,
    )
