"""The bank's books against ours, over the rows: what agrees is matched once, and each difference is a break, once."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.bank import BankInbox
from activities.reconciliation import ReconciliationSteps
from infra.database import transaction
from infra.providers.bank import FolderChannel
from models.reconciliation import GRACE_DAYS, Reconciled
from models.upkeep import RunStep
from tests.factories.bank_statements import MONDAY, OPENING, booked, line, statement
from tests.factories.counterparty import NOSTRO
from tests.factories.wires import People, ordered, people

TUESDAY = MONDAY + timedelta(days=1)
EVENING = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)


class Books:
    """The bank's statements come, we book, and both are compared."""

    def __init__(self, owner: AsyncEngine, worker: AsyncEngine, folder: Path, everybody: People) -> None:
        self.owner, self.folder, self.everybody = owner, folder, everybody
        (folder / "inbox").mkdir()
        self.inbox = BankInbox(worker, FolderChannel(folder / "outbox", folder / "inbox"))
        self.steps = ReconciliationSteps(worker, NOSTRO, always_open=True)
        self.runs = 0

    async def arrives(self, *contents: bytes) -> None:
        """The bank sends that."""
        for content in contents:
            (self.folder / "inbox" / f"{len(list(self.folder.rglob('*.xml')))}.xml").write_bytes(content)
            await self.inbox.read_waiting()

    async def compared(self, at: datetime = EVENING) -> Reconciled:
        """One run; its step is run twice, and the second finds nothing."""
        async with transaction(self.owner) as session:
            await session.execute(text("UPDATE bank_statements SET received_at = '2026-11-23 22:00+00'"))
        self.runs += 1
        step = RunStep(at=at, run=f"test/{self.runs}")
        done = await self.steps.reconcile(step)
        again = await self.steps.reconcile(step)
        assert (again.statements, again.matched, again.found, again.closed) == (0, 0, 0, 0)
        return done

    async def rows(self, query: str) -> list[Any]:
        """What the database has."""
        async with transaction(self.owner) as session:
            return [tuple(row) for row in (await session.execute(text(query))).all()]

    async def breaks(self) -> list[Any]:
        """Kind, status and both amounts of every break."""
        return await self.rows("SELECT kind, status, theirs_minor, ours_minor FROM reconciliation_breaks ORDER BY id")


@pytest.fixture
async def books(owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path) -> Books:
    return Books(owner_engine, worker_engine, tmp_path, await people(owner_engine))


async def test_books_that_agree_are_matched_and_nobody_is_told(books: Books, api_engine: AsyncEngine) -> None:
    wire = await ordered(api_engine, books.everybody)
    await booked(books.owner, -500, key=f"wire/{wire.id}/settlement")
    await booked(books.owner, 200, key=f"wire/{wire.id}/return", day=TUESDAY)
    await booked(books.owner, -70)
    await books.arrives(
        statement(
            line(-500, reference=wire.end_to_end_id),
            line(200, reference=wire.end_to_end_id),
            line(-70),
            closing=OPENING - 370,
        )
    )
    done = await books.compared()
    assert (done.statements, done.matched, done.found, done.open) == (1, 3, 0, 0)
    by = await books.rows("SELECT amount_minor, matched_by FROM bank_statement_entries ORDER BY position")
    assert by == [(-500, "reference"), (200, "reference"), (-70, "value_date")]
    assert await books.rows("SELECT count(*) FROM notifications WHERE event = 'operations.reconciliation'") == [(0,)]


async def test_what_the_bank_booked_alone_is_a_break_until_we_book_it_too(books: Books) -> None:
    await books.arrives(statement(line(-100, bank_reference="FEE"), closing=OPENING - 100))
    assert (await books.compared()).found == 1
    assert await books.breaks() == [("not_in_ours", "open", -100, None)]
    told = "SELECT count(*) FROM notifications WHERE event = 'operations.reconciliation'"
    assert await books.rows(told) == [(1,)]
    await books.compared()
    assert await books.rows(told) == [(1,)]
    await booked(books.owner, -100)
    done = await books.compared()
    assert (done.matched, done.closed, done.open) == (1, 1, 0)
    assert await books.breaks() == [("not_in_ours", "closed", -100, None)]


async def test_what_was_read_just_now_waits_for_its_process(books: Books) -> None:
    await books.arrives(statement(line(-100), closing=OPENING - 100))
    assert (await books.compared(datetime(2026, 11, 23, 22, 5, tzinfo=UTC))).found == 0


async def test_what_we_booked_alone_is_a_break_after_its_days_of_grace(books: Books) -> None:
    await books.arrives(statement())
    await booked(books.owner, -100)
    await booked(books.owner, -50, day=MONDAY - timedelta(days=1))  # before the bank's first statement
    for days in range(GRACE_DAYS + 1):
        assert (await books.compared(EVENING + timedelta(days=days))).found == 0
    assert (await books.compared(EVENING + timedelta(days=GRACE_DAYS + 1))).found == 1
    assert await books.breaks() == [("not_in_theirs", "open", None, -100)]


async def test_another_amount_for_one_payment(books: Books, api_engine: AsyncEngine) -> None:
    wire = await ordered(api_engine, books.everybody)
    await booked(books.owner, -500, key=f"wire/{wire.id}/settlement")
    await books.arrives(statement(line(-525, reference=wire.end_to_end_id), closing=OPENING - 525))
    await books.compared()
    assert await books.breaks() == [("amount_differs", "open", -525, -500)]


async def test_the_same_payment_on_two_statements(books: Books, api_engine: AsyncEngine) -> None:
    wire = await ordered(api_engine, books.everybody)
    await booked(books.owner, -500, key=f"wire/{wire.id}/settlement")
    twice = line(-500, reference=wire.end_to_end_id, bank_reference="B1")
    await books.arrives(
        statement(twice, closing=OPENING - 500),
        statement(twice, number=2, day=TUESDAY, opening=OPENING - 500, closing=OPENING - 1000),
    )
    done = await books.compared()
    assert (done.matched, done.found) == (1, 1)
    assert await books.breaks() == [("duplicate", "open", -500, None)]


async def test_an_entry_that_is_not_booked_yet_is_neither_matched_nor_missed(books: Books) -> None:
    await booked(books.owner, -100)
    await books.arrives(statement(line(-100, status="PDNG")))
    done = await books.compared()
    assert (done.matched, done.found) == (0, 0)


async def test_statements_that_do_not_add_up(books: Books) -> None:
    await books.arrives(
        statement(closing=OPENING - 1), statement(number=2, day=TUESDAY, opening=OPENING - 3, closing=OPENING - 3)
    )
    await books.compared()
    assert sorted(await books.breaks()) == [("balance_gap", "open", -1, None), ("opening_gap", "open", -2, None)]


async def test_a_missing_statement_is_missed_until_it_comes(books: Books) -> None:
    wednesday = MONDAY + timedelta(days=2)
    await books.arrives(statement(), statement(number=3, day=wednesday, opening=OPENING - 9, closing=OPENING - 9))
    assert (await books.compared()).found == 1
    assert await books.breaks() == [("missing_statement", "open", None, None)]
    assert await books.rows("SELECT two_people FROM reconciliation_breaks") == [(True,)]
    await booked(books.owner, -9, day=TUESDAY)
    await books.arrives(statement(line(-9, day=TUESDAY), number=2, day=TUESDAY, closing=OPENING - 9))
    done = await books.compared()
    assert (done.matched, done.closed, done.open) == (1, 1, 0)


@pytest.mark.parametrize(("number", "found"), [(1, 0), (2, 1), (8, 0)])
async def test_numbers_may_begin_anew_with_the_year(books: Books, number: int, found: int) -> None:
    day = date(2026, 12, 31)
    await books.arrives(statement(number=7, day=day), statement(number=number, day=day + timedelta(days=2)))
    assert (await books.compared()).found == found


async def test_a_statement_of_an_account_that_is_not_ours(books: Books) -> None:
    await books.arrives(statement(line(-100), account="DE89370400440532013000", closing=OPENING - 100))
    await books.compared()
    assert await books.breaks() == [("unknown_account", "open", None, None)]


async def test_one_statement_told_twice_goes_to_a_person_and_counts_once(books: Books) -> None:
    await books.arrives(statement(), statement(line(-100), closing=OPENING - 100))
    assert await books.rows("SELECT count(*) FROM bank_statements") == [(1,)]
    assert await books.rows("SELECT count(*) FROM bank_messages WHERE status = 'quarantined'") == [(1,)]
    await books.arrives(statement(name="OTHER", closing=OPENING - 100))  # another name for the number 1
    assert await books.rows("SELECT count(*) FROM bank_messages WHERE status = 'quarantined'") == [(2,)]
    assert await books.rows("SELECT count(*) FROM bank_statement_entries") == [(0,)]


@pytest.mark.parametrize(
    "content",
    [
        statement(more="<StmtPgntn><PgNb>1</PgNb><LastPgInd>false</LastPgInd></StmtPgntn>"),
        statement(line(-1).replace('Ccy="USD"', 'Ccy="EUR"')),
    ],
)
async def test_a_page_or_a_mixture_of_currencies_goes_to_a_person(books: Books, content: bytes) -> None:
    await books.arrives(content)
    assert await books.rows("SELECT message_type, status FROM bank_messages") == [("unreadable", "quarantined")]


async def test_many_runs_at_once_match_and_tell_once(books: Books) -> None:
    for _ in range(5):
        await booked(books.owner, -70)
    await booked(books.owner, -900)
    await books.arrives(statement(line(-900), line(-3), closing=OPENING - 903))
    async with transaction(books.owner) as session:
        await session.execute(text("UPDATE bank_statements SET received_at = '2026-11-23 22:00+00'"))
    done = await asyncio.gather(
        *(books.steps.reconcile(RunStep(at=EVENING, run=f"run/{number}")) for number in range(6))
    )
    assert sum(one.matched for one in done) == 1
    assert sum(one.found for one in done) == 1
    assert await books.rows("SELECT count(*) FROM notifications WHERE event = 'operations.reconciliation'") == [(1,)]


async def test_what_was_booked_since_is_taken_up_and_nothing_twice(books: Books) -> None:
    await books.arrives(statement())
    await booked(books.owner, -1)
    await books.compared()
    await booked(books.owner, -2)
    await books.compared()
    assert await books.rows("SELECT amount_minor FROM nostro_items ORDER BY 1") == [(-2,), (-1,)]


async def test_what_was_matched_stays(books: Books) -> None:
    await booked(books.owner, -9)
    await books.arrives(statement(line(-9), closing=OPENING - 9))
    await books.compared()
    for change in ("matched_by = 'reference'", "amount_minor = -8", "transaction_id = NULL, leg = NULL"):
        with pytest.raises(Exception, match="not changed"):
            await books.rows(f"UPDATE bank_statement_entries SET {change} RETURNING id")
    with pytest.raises(Exception, match="not changed"):
        await books.rows("DELETE FROM bank_statement_entries RETURNING id")
