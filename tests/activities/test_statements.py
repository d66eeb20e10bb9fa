"""Monthly statements over a real database and store: tied to the ledger, the same twice, corrected by versions."""

import csv
import io
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID
from zoneinfo import ZoneInfo

import pikepdf
import psycopg
import pypdfium2
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.statements import StatementSteps
from infra.crypto import Keyring
from infra.database import transaction
from infra.providers.bank import read_answers
from infra.providers.store import FolderStore, StatementVault, open_statements
from infra.settings import Settings
from models.errors import RuleRefused
from models.money import to_minor
from models.statements import (
    AccountRun,
    StatementForm,
    StatementPage,
    StatementSweep,
    StatementUnreadable,
    moments_of,
)
from models.tables import ledger
from models.tables import monthly_statements as table
from models.tables.balances import balance_at
from models.tables.monthly_statements import StoredStatement
from tests.factories import statements as make
from tests.factories.damage import damage
from tests.factories.users import add_customer

HERE = ZoneInfo("Europe/Amsterdam")
SEPTEMBER, OCTOBER = "2026-09", "2026-10"


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    """Settings with a store of this test's own."""
    return Settings(_env_file=None, store_dir=tmp_path / "store")


@pytest.fixture
def vault(config: Settings) -> StatementVault:
    """Where statements are kept."""
    return open_statements(config)


@pytest.fixture
def steps(config: Settings, vault: StatementVault, worker_engine: AsyncEngine) -> StatementSteps:
    """The steps, as the worker has them."""
    return StatementSteps(config, worker_engine, vault)


async def contents(engine: AsyncEngine, vault: StatementVault, statement_id: UUID) -> dict[StatementForm, bytes]:
    """The files of a statement."""
    async with transaction(engine) as session:
        files = await table.files_of(session, statement_id)
    return {
        form: await vault.content(file.id, file.file_path, file.key_sealed, file.content_hash)
        for form, file in files.items()
    }


async def made(steps: StatementSteps, account: UUID, period: str, reason: str = "") -> StoredStatement:
    """The statement of an account and a month."""
    stored = await steps.made(AccountRun(period=period, account_id=account, reason=reason))
    assert stored is not None
    return stored


def _moments(chance: random.Random, since: datetime, until: datetime, count: int) -> list[datetime]:
    span = (until - since) / timedelta(microseconds=1)
    # The edges of months are where postings are lost or doubled, so some are exactly there.
    edges = [moment + timedelta(microseconds=shift) for moment in moments_of(OCTOBER) for shift in (-1, 0)]
    return sorted([since + timedelta(microseconds=chance.randrange(int(span))) for _ in range(count)] + edges)


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
async def test_opening_and_postings_are_closing_and_the_ledger_whatever_was_booked(
    steps: StatementSteps, vault: StatementVault, owner_engine: AsyncEngine, currency: str
) -> None:
    chance = random.Random(currency)
    customer = await add_customer(owner_engine)
    since, until = moments_of(SEPTEMBER)[0], moments_of(OCTOBER)[1] + timedelta(days=5)
    account = await make.opened(owner_engine, customer.id, currency, since)
    moments = _moments(chance, since, until, 20)
    amounts = [10**6, *(chance.choice([-1, 1]) * chance.randrange(1, 40_000) for _ in moments[1:])]
    await make.booked(owner_engine, account, currency, list(zip(moments, amounts, strict=True)))
    expected = 0
    for period in (SEPTEMBER, OCTOBER):
        begins_at, ends_at = moments_of(period)
        moved = [amount for at, amount in zip(moments, amounts, strict=True) if begins_at <= at < ends_at]
        stored = await made(steps, account, period)
        assert stored.opening_minor == expected
        assert stored.credit_minor + stored.debit_minor == sum(moved)
        assert stored.credit_count + stored.debit_count == len(moved)
        expected += sum(moved)
        assert stored.closing_minor == expected
        async with transaction(owner_engine) as session:
            then = await balance_at(session, account, ends_at - timedelta(microseconds=1))
        assert then.posted_minor == expected
        _every_file_says(await contents(owner_engine, vault, stored.id), currency, stored, moved)
    async with transaction(owner_engine) as session:
        assert await ledger.proof(session) == []


def _every_file_says(
    files: dict[StatementForm, bytes], currency: str, stored: StoredStatement, moved: Sequence[int]
) -> None:
    told = json.loads(files[StatementForm.JSON], parse_float=Decimal)
    assert to_minor(told["opening_balance"], currency) == stored.opening_minor
    assert to_minor(told["closing_balance"], currency) == stored.closing_minor
    assert [to_minor(line["amount"], currency) for line in told["entries"]] == list(moved)
    assert to_minor(told["daily_balances"][-1]["balance"], currency) == stored.closing_minor
    rows = list(csv.DictReader(io.StringIO(files[StatementForm.CSV].decode("utf-8-sig"), newline="")))
    assert [to_minor(row["amount"], currency) for row in rows if row["amount"]] == list(moved)
    bank_answers = read_answers(files[StatementForm.CAMT053])
    assert [one.amount_minor for one in bank_answers.balances] == [stored.opening_minor, stored.closing_minor]
    assert len(bank_answers.answers) == len(moved)
    seen = pages(files[StatementForm.PDF])
    for balance in (stored.opening_minor, stored.closing_minor):
        written = (
            f"{Decimal(told['closing_balance'] if balance == stored.closing_minor else told['opening_balance']):,f}"
        )
        assert written.replace("-", "\u2212") in seen


def pages(pdf: bytes) -> str:
    """What a PDF says."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)
    finally:
        document.close()


async def test_a_month_begins_and_ends_in_amsterdam() -> None:
    begins_at, ends_at = moments_of(OCTOBER)
    assert begins_at.astimezone(UTC) == datetime(2026, 9, 30, 22, tzinfo=UTC)
    # Summer time has ended on the way: the month has an hour more.
    assert ends_at.astimezone(UTC) == datetime(2026, 10, 31, 23, tzinfo=UTC)


async def test_a_pdf_is_tagged_for_archives_and_sets_every_script(
    steps: StatementSteps, vault: StatementVault, owner_engine: AsyncEngine
) -> None:
    customer = await add_customer(
        owner_engine, first_name="محمد 張偉", last_name="יצחק \u202eevil\U0010fffe " + "Aurelianus " * 6
    )
    account = await make.opened(owner_engine, customer.id, "EUR", moments_of(SEPTEMBER)[0])
    at = moments_of(OCTOBER)[0]
    movements = [(at, 100_00)] + [(at + timedelta(hours=9 * number), -1) for number in range(1, 60)]
    await make.booked(owner_engine, account, "EUR", movements, description="東京 تحويل")
    stored = await made(steps, account, OCTOBER)
    files = await contents(owner_engine, vault, stored.id)
    seen = pages(files[StatementForm.PDF])
    for name in ("張偉", "東京", "U+202E>evil", "U+10FFFE", "Aurelianus", "99.41"):
        assert name in seen, name
    with pikepdf.open(io.BytesIO(files[StatementForm.PDF])) as pdf:
        assert len(pdf.pages) > 1
        meta = pdf.open_metadata()
        assert (meta["pdfaid:part"], meta["pdfaid:conformance"], meta["pdfuaid:part"]) == ("3", "A", "1")
        assert bool(pdf.Root.MarkInfo.Marked)
        assert pdf.attachments["statement.json"].get_file().read_bytes() == files[StatementForm.JSON]


async def test_what_is_made_again_is_the_same_bytes_and_nobody_changes_it(
    steps: StatementSteps, vault: StatementVault, owner_engine: AsyncEngine, worker_engine: AsyncEngine
) -> None:
    account, _ = await _with_some_money(owner_engine)
    first = await made(steps, account, OCTOBER)
    before = await contents(owner_engine, vault, first.id)
    assert (await made(steps, account, OCTOBER)).id == first.id
    assert (await made(steps, account, OCTOBER, "looked at again")).id == first.id
    assert await contents(owner_engine, vault, first.id) == before
    for statement in (
        "UPDATE statements SET closing_minor = 1",
        "DELETE FROM statements",
        "UPDATE statement_files SET content_hash = repeat('0', 64)",
        "DELETE FROM statement_files",
    ):
        for engine in (worker_engine, owner_engine):
            with pytest.raises(DBAPIError):
                async with transaction(engine) as session:
                    await session.execute(text(statement))


async def test_a_correction_is_another_version_with_a_reason_and_the_same_postings(
    steps: StatementSteps, vault: StatementVault, owner_engine: AsyncEngine
) -> None:
    account, customer = await _with_some_money(owner_engine)
    first = await made(steps, account, OCTOBER)
    before = await contents(owner_engine, vault, first.id)
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE users SET last_name = 'Otherwise' WHERE id = :id"), {"id": customer})
    # Without a reason what was made stays; with one there is another version, once.
    assert (await made(steps, account, OCTOBER)).id == first.id
    second = await made(steps, account, OCTOBER, "The name was misspelt")
    assert (await made(steps, account, OCTOBER, "The name was misspelt")).id == second.id
    assert (second.version, second.reason) == (2, "The name was misspelt")
    assert (second.after_version, second.last_version) == (first.after_version, first.last_version)
    after = await contents(owner_engine, vault, second.id)
    assert "Otherwise" in pages(after[StatementForm.PDF])
    assert "The name was misspelt" in pages(after[StatementForm.PDF])
    assert await contents(owner_engine, vault, first.id) == before
    async with transaction(owner_engine) as session:
        told = await session.execute(text("SELECT event FROM notifications WHERE user_id = :id"), {"id": customer})
        assert list(told.scalars()) == ["statement_corrected"]
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE users SET last_name = 'Thirdly' WHERE id = :id"), {"id": customer})
    with pytest.raises(RuleRefused):
        await made(steps, account, OCTOBER, "The name was misspelt")


async def test_months_made_in_any_order_leave_no_gap(steps: StatementSteps, owner_engine: AsyncEngine) -> None:
    account, _ = await _with_some_money(owner_engine)
    later = await made(steps, account, OCTOBER)
    # By its moment one of its postings is September's now; it stays on the statement that it is on.
    await damage(
        owner_engine,
        "UPDATE postings SET created_at = :at WHERE account_id = :account AND account_version = :version",
        at=moments_of(SEPTEMBER)[1] - timedelta(hours=1),
        account=account,
        version=later.after_version + 1,
    )
    earlier = await made(steps, account, SEPTEMBER)
    assert earlier.last_version == later.after_version
    assert earlier.closing_minor == later.opening_minor


async def test_accounts_without_anything_to_tell_get_none_and_a_month_has_to_be_over(
    steps: StatementSteps, owner_engine: AsyncEngine
) -> None:
    customer = await add_customer(owner_engine)
    account = await make.opened(owner_engine, customer.id, "EUR", moments_of(SEPTEMBER)[0])
    assert await steps.made(AccountRun(period=OCTOBER, account_id=account)) is None
    with pytest.raises(RuleRefused):
        await steps.made(AccountRun(period=f"{datetime.now(HERE):%Y-%m}", account_id=account))


async def test_holds_are_those_that_were_open_when_the_month_ended(
    steps: StatementSteps, vault: StatementVault, owner_engine: AsyncEngine
) -> None:
    account, _ = await _with_some_money(owner_engine)
    ends_at = moments_of(OCTOBER)[1]
    day = timedelta(days=1)
    await make.held(owner_engine, account, 1_00, ends_at - 3 * day, ends_at - day)
    await make.held(owner_engine, account, 2_00, ends_at - day, ends_at + day)
    await make.held(owner_engine, account, 4_00, ends_at - day, None)
    await make.held(owner_engine, account, 8_00, ends_at, None)
    stored = await made(steps, account, OCTOBER)
    assert stored.held_minor == 6_00
    told = json.loads((await contents(owner_engine, vault, stored.id))[StatementForm.JSON], parse_float=Decimal)
    assert told["held"] == Decimal("6.00")
    assert told["available_balance"] == told["closing_balance"] - 6


@pytest.mark.parametrize(
    "change",
    [
        {"closing_minor": "closing_minor + 1", "credit_minor": "credit_minor + 1"},
        {"opening_minor": "opening_minor - 1", "closing_minor": "closing_minor - 1"},
        {"last_version": "last_version - 1", "credit_count": "credit_count - 1"},
        {"user_id": "uuidv7()"},
        {"ends_at": "now() + interval '1 day'"},
        {"version": "3", "reason": "'because'"},
        {"after_version": "after_version + 1", "credit_count": "credit_count - 1"},
    ],
)
async def test_the_database_refuses_what_the_books_do_not_bear_out(
    steps: StatementSteps, owner_engine: AsyncEngine, change: dict[str, str]
) -> None:
    account, _ = await _with_some_money(owner_engine)
    await made(steps, account, OCTOBER)
    async with transaction(owner_engine) as session:
        found = await session.execute(
            text("SELECT column_name FROM information_schema.columns WHERE table_name = 'statements'")
        )
        columns = [str(name) for name in found.scalars() if name not in {"id", "made_at"}]
    values: dict[str, Any] = {name: name for name in columns} | {"version": "2", "reason": "'again'"} | change
    copied = f"INSERT INTO statements ({', '.join(values)}) SELECT {', '.join(values.values())} FROM statements"
    with pytest.raises(DBAPIError) as refused:
        async with transaction(owner_engine) as session:
            await session.execute(text(copied))
    assert isinstance(refused.value.orig, psycopg.Error)
    assert (refused.value.orig.sqlstate or "")[:4] in {"AU24", "2351", "2350"}


async def test_a_file_that_was_touched_is_not_handed_out(
    steps: StatementSteps, vault: StatementVault, owner_engine: AsyncEngine, config: Settings
) -> None:
    account, _ = await _with_some_money(owner_engine)
    stored = await made(steps, account, OCTOBER)
    async with transaction(owner_engine) as session:
        files = await table.files_of(session, stored.id)
    path = config.store_dir / files[StatementForm.CSV].file_path
    sealed = bytearray(path.read_bytes())
    sealed[-20] ^= 1
    path.write_bytes(bytes(sealed))
    with pytest.raises(StatementUnreadable):
        await contents(owner_engine, vault, stored.id)
    # Nor one that stands in another's place.
    (config.store_dir / files[StatementForm.JSON].file_path).rename(path)
    with pytest.raises(StatementUnreadable):
        await contents(owner_engine, vault, stored.id)


class _PowerCut(BaseException):
    """What no code of ours survives."""


class _Failing(FolderStore):
    """A store in which power is cut after so many objects."""

    left = 0

    async def put(self, key: str, content: BinaryIO) -> None:
        if self.left == 0:
            raise _PowerCut
        self.left -= 1
        await super().put(key, content)


async def test_a_page_that_is_killed_anywhere_goes_on_and_nothing_is_doubled(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, config: Settings
) -> None:
    customers = sorted([(await _with_some_money(owner_engine))[1] for _ in range(3)])
    store = _Failing(config.store_dir)
    vault = StatementVault(store, Keyring.of(config.field_keys, config.field_key_id))
    steps = StatementSteps(config, worker_engine, vault)
    page = StatementPage(period=OCTOBER, first=customers[0], last=customers[-1])
    kills = 0
    # Eleven files before the last try, whichever statements they are of: not the twelve of all three.
    for left in (2, 5, 1, 3, 12):
        store.left = left
        try:
            made = await ActivityEnvironment().run(steps.make_page, page)
        except _PowerCut:
            kills += 1
    assert kills == 4
    assert made.statements == 3
    # An hour later what belongs to nothing is taken out, and what is young is not.
    now = datetime.now(UTC)
    sweep = StatementSweep(period=OCTOBER, run="r", at=now, made=made)
    assert (await ActivityEnvironment().run(steps.finish, sweep)).removed == 0
    later = sweep.model_copy(update={"at": now + timedelta(hours=2)})
    assert (await ActivityEnvironment().run(steps.finish, later)).removed > 0
    async with transaction(owner_engine) as session:
        for count, what in ((3, "statements"), (12, "statement_files"), (3, "notifications")):
            assert (await session.execute(text(f"SELECT count(*) FROM {what}"))).scalar_one() == count, what
        kept = set((await session.execute(text("SELECT file_path FROM statement_files"))).scalars())
    assert {one.key async for one in store.listed("statements")} == kept


async def _with_some_money(owner: AsyncEngine) -> tuple[UUID, UUID]:
    customer = await add_customer(owner)
    account = await make.opened(owner, customer.id, "EUR", moments_of(SEPTEMBER)[0])
    begins_at = moments_of(OCTOBER)[0]
    day = timedelta(days=1)
    movements = [(begins_at - 2 * day, 500_00), (begins_at + day, 20_00), (begins_at + 9 * day, -7_50)]
    await make.booked(owner, account, "EUR", movements)
    return account, customer.id
