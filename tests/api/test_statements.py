"""An account as CSV and camt.053: read by our own reader of bank statements and by somebody else's, to the cent."""

import csv
import io
import tracemalloc
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from lxml import etree
from pycamt.parser import Camt053Parser
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from infra.database import transaction
from infra.providers.bank import read_answers
from models.bank import EntryDirection
from models.ledger import InternalPurpose
from models.money import to_decimal, to_minor
from models.statements import ENTRIES_AT_ONCE, AccountHolder, Statement, StatementEntry, camt053, sheet
from models.tables import ledger
from tests.factories.accounts import account
from tests.factories.auth import signed_in
from tests.factories.damage import damage
from tests.factories.ledger import entry
from tests.factories.users import Person, add_customer, add_officer

TODAY = datetime.now(UTC).date()
DAYS = {"from": str(TODAY - timedelta(days=2)), "to": str(TODAY)}
NASTY = '=SUM(A1)<&>"\r\n\x01\x08 ä 東京'


class Teller:
    """A customer with an account, and what the bank books on it."""

    def __init__(self, client: httpx.AsyncClient, owner: AsyncEngine, person: Person, headers: dict[str, str]) -> None:
        self.client, self.owner, self.person, self.headers = client, owner, person, headers
        self.account = UUID(int=0)
        self.currency = "EUR"

    async def opened(self, minor: int, currency: str = "EUR") -> None:
        """Opens the account with that much money on it."""
        self.currency = currency
        async with transaction(self.owner) as session:
            self.account = await account(session, self.person.id, minor, currency)

    async def books(self, amounts: Sequence[int], **changes: Any) -> None:
        """Books amounts, in from the opening account or out to the fees."""
        async with transaction(self.owner) as session:
            opening = await ledger.internal_account(session, InternalPurpose.OPENING, self.currency)
            entries = [
                entry(*((opening, self.account) if minor > 0 else (self.account, opening)), abs(minor), self.currency)
                for minor in amounts
            ]
            entries = [each.model_copy(update=changes) for each in entries]
            for result in await ledger.post(session, entries):
                assert not isinstance(result, Exception), result

    async def yesterday(self) -> None:
        """Everything that is booked was booked a day ago."""
        await damage(self.owner, "UPDATE postings SET created_at = created_at - interval '1 day'")

    async def file(self, form: str, **query: str) -> httpx.Response:
        """The export, as the customer gets it."""
        return await self.client.get(
            f"/api/v1/accounts/{self.account}/statements/export",
            params={**DAYS, "format": form, **query},
            headers=self.headers,
        )


@pytest.fixture
async def teller(app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine) -> Teller:
    """A customer who is signed in."""
    person = await add_customer(owner_engine)
    return Teller(client, owner_engine, person, await signed_in(app, owner_engine, person))


def rows(content: bytes) -> list[dict[str, str]]:
    """The lines of a CSV file."""
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def read(content: bytes) -> tuple[int, int, int]:
    """Opening, number of entries and closing of a camt.053, by our own reader of a bank's statements."""
    ours = read_answers(content)
    opening, closing = ours.balances
    assert (opening.kind, closing.kind) == ("OPBD", "CLBD")
    moved = sum(
        (answer.amount_minor or 0) * (1 if answer.direction is EntryDirection.CREDIT else -1) for answer in ours.answers
    )
    assert opening.amount_minor + moved == closing.amount_minor
    return opening.amount_minor, len(ours.answers), closing.amount_minor


def reconciled(content: bytes, currency: str) -> tuple[int, int, int]:
    """The same, once somebody else's parser has found it too."""
    opening, count, closing = read(content)
    parser = Camt053Parser(content)
    (info,) = parser.get_statement_info()
    found = [(Decimal(each["Amount"]), each["CreditDebitIndicator"]) for each in parser.get_transactions()]
    moved = sum(to_minor(amount, currency) * (-1 if side == "DBIT" else 1) for amount, side in found)
    assert len(found) == count
    assert to_minor(Decimal(info["OpeningBalance"]), currency) == opening
    assert to_minor(Decimal(info["ClosingBalance"]), currency) == closing == opening + moved
    return opening, count, closing


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
async def test_opening_and_entries_are_closing_to_the_cent(teller: Teller, currency: str) -> None:
    await teller.opened(1000, currency)
    await teller.yesterday()
    await teller.books([5, -17, 1234567, -1])
    closing = 1000 + 5 - 17 + 1234567 - 1
    sent = await teller.file("camt.053", **{"from": str(TODAY)})
    assert sent.status_code == 200, sent.text
    assert sent.headers["Content-Type"] == "application/xml"
    assert reconciled(sent.content, currency) == (1000, 4, closing)
    assert reconciled((await teller.file("camt.053")).content, currency) == (0, 5, closing)
    listed = rows((await teller.file("csv", **{"from": str(TODAY)})).content)
    assert [row["type"] for row in listed] == ["opening_balance", *["transfer"] * 4, "closing_balance"]
    assert listed[0]["balance"] == str(to_decimal(1000, currency))
    assert listed[-1]["balance"] == str(to_decimal(closing, currency))
    amounts = [Decimal(row["amount"]) for row in listed if row["amount"]]
    assert Decimal(listed[0]["balance"]) + sum(amounts) == Decimal(listed[-1]["balance"])
    # Each day begins with what the day before ended with.
    before = rows((await teller.file("csv", to=str(TODAY - timedelta(days=1)))).content)
    assert before[-1]["balance"] == listed[0]["balance"]


async def test_an_account_without_entries_has_a_statement_too(teller: Teller) -> None:
    await teller.opened(0)
    assert reconciled((await teller.file("camt.053")).content, "EUR") == (0, 0, 0)
    assert len(rows((await teller.file("csv")).content)) == 2


async def test_what_a_customer_wrote_breaks_neither_file(teller: Teller) -> None:
    await teller.opened(1000)
    await teller.books([-1], description=NASTY)
    await teller.books([-1], description="@cmd|' /C calc'!A0")
    content = (await teller.file("camt.053")).content
    assert reconciled(content, "EUR") == (0, 3, 998)
    told = etree.fromstring(content).xpath("//*[local-name()='AddtlNtryInf']/text()")
    assert isinstance(told, list)
    assert " ".join(str(told[0]).split()) == '=SUM(A1)<&>" ä 東京'
    descriptions = [row["description"] for row in rows((await teller.file("csv")).content)][2:4]
    assert descriptions == [f"'{NASTY}", "'@cmd|' /C calc'!A0"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"from": str(TODAY), "to": str(TODAY - timedelta(days=1))}, 400, "span_refused"),
        ({"from": str(TODAY - timedelta(days=366))}, 400, "span_refused"),
        ({"to": str(TODAY + timedelta(days=1))}, 400, "span_refused"),
        ({"from": "0001-01-01", "to": "0001-01-02"}, 200, None),
        ({"from": "9999-12-31", "to": "9999-12-31"}, 400, "span_refused"),
        ({"from": "never"}, 422, "invalid_request"),
        ({"format": "pdf"}, 422, "invalid_request"),
    ],
)
async def test_days_that_make_no_statement_are_refused(
    teller: Teller, query: dict[str, str], status: int, code: str | None
) -> None:
    await teller.opened(1000)
    sent = await teller.file(query.pop("format", "csv"), **query)
    assert sent.status_code == status, sent.text
    if code:
        assert sent.json()["code"] == code


async def test_a_statement_is_its_owners_and_the_staffs(
    teller: Teller, app: FastAPI, client: httpx.AsyncClient, owner_engine: AsyncEngine
) -> None:
    await teller.opened(1000)
    own = teller.headers
    teller.headers = await signed_in(app, owner_engine, await add_customer(owner_engine))
    assert (await teller.file("csv")).status_code == 404
    teller.headers = {}
    assert (await teller.file("csv")).status_code == 401
    teller.headers = await signed_in(app, owner_engine, await add_officer(owner_engine, "operations"))
    assert (await teller.file("csv")).status_code == 200
    async with transaction(owner_engine) as session:
        teller.account = await ledger.internal_account(session, InternalPurpose.FEES, "EUR")
    assert (await teller.file("csv")).json()["code"] == "refused"
    teller.headers = own
    assert (await teller.file("csv")).status_code == 404


async def test_ten_thousand_entries_reconcile(teller: Teller) -> None:
    await teller.opened(1_000_000)
    for _ in range(10):
        await teller.books([100, -99] * 500)
    sent = await teller.file("camt.053")
    # Somebody else's parser takes half a minute for as many; it has read smaller ones above.
    assert read(sent.content) == (0, 10_001, 1_005_000)
    async with transaction(teller.owner) as session:
        assert await ledger.proof(session) == []
        pages = await session.execute(
            text("SELECT count(*) FROM postings WHERE account_id = :id"), {"id": teller.account}
        )
        assert pages.scalar_one() > 10 * ENTRIES_AT_ONCE


async def _pages(count: int) -> AsyncIterator[list[StatementEntry]]:
    for start in range(1, count + 1, ENTRIES_AT_ONCE):
        yield [
            StatementEntry(
                version=version,
                transaction_id=uuid7(),
                leg=1,
                booked_at=datetime(2026, 11, 2, tzinfo=UTC),
                value_date=date(2026, 11, 2),
                amount_minor=1,
                balance_minor=version,
                kind="transfer",
                description="Rent for November",
            )
            for version in range(start, start + ENTRIES_AT_ONCE)
        ]


@pytest.mark.parametrize("form", ["csv", "camt.053"])
async def test_a_file_takes_the_memory_of_a_page(form: str) -> None:
    """However many entries there are: ten times as many take no more."""

    async def peak(count: int) -> int:
        wanted = Statement(
            holder=AccountHolder(account_id=uuid7(), account_number="NL91AURM0417164300", currency="EUR", owner="Mira"),
            first=date(2026, 11, 1),
            last=date(2026, 11, 30),
            made_at=datetime(2026, 12, 1, tzinfo=UTC),
            after_version=0,
            last_version=count,
            opening_minor=0,
            closing_minor=count,
            credit_count=count,
            credit_minor=count,
            debit_count=0,
            debit_minor=0,
        )
        pieces = sheet(wanted, _pages(count)) if form == "csv" else camt053(wanted, _pages(count), bank_bic="AURUNL2A")
        tracemalloc.start()
        try:
            async for piece in pieces:
                assert piece
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert await peak(20_000) < 1.5 * await peak(2_000)
