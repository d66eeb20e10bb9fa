"""The commands of operators, run as they run them: what they print, and their exit status."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.crypto import Keyring, key_id_of
from infra.database import transaction
from models.calendar_rules import special_days
from models.tables import calendars
from models.tables.ledger import post_one
from tests.databases import Database
from tests.factories import accounts as make
from tests.factories.audit import add_lines, sealer, tamper
from tests.factories.commands import admin
from tests.factories.ledger import entry
from tests.factories.sealed import fresh_key, sealed_values, store_tax_id
from tests.factories.users import add_customer


async def test_the_log_is_verified_and_the_first_broken_row_named(
    database: Database, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> None:
    heads = tmp_path / "heads.jsonl"
    kept = {"AURUM_AUDIT_ANCHOR_FILE": str(heads)}
    status, _, complaint = await admin(database, "audit-anchor", **kept)
    assert (status, complaint) == (1, "Nothing is sealed yet.\n")
    ids = await add_lines(owner_engine, 5)
    await sealer(worker_engine).seal(None)
    status, line, _ = await admin(database, "audit-anchor", **kept)
    assert (status, json.loads(line)["chain_seq"]) == (0, 5)
    assert heads.read_text() == line
    status, told, _ = await admin(database, "audit-verify", **kept)
    assert (status, told.split(":")[0]) == (0, "The audit log is intact")
    assert "5 seals verified" in told
    assert "1 kept heads" in told

    await tamper(owner_engine, "DELETE FROM audit_seals WHERE chain_seq = 5")
    await tamper(owner_engine, "DELETE FROM audit_logs WHERE id = :id", id=ids[4])
    assert (await admin(database, "audit-verify"))[0] == 0  # nothing to compare with
    status, told, _ = await admin(database, "audit-verify", "--anchors", str(heads))
    assert (status, told.split(".")[0]) == (1, "BROKEN truncated: seal 5")
    status, _, complaint = await admin(database, "audit-anchor", **kept)
    assert status == 1
    assert "The seal 5 of" in complaint

    await tamper(owner_engine, "UPDATE audit_logs SET user_id = NULL WHERE id = :id", id=ids[2])
    status, told, _ = await admin(database, "audit-verify", "--json", **kept)
    assert status == 1
    assert json.loads(told)["first_break"]["kind"] == "changed"
    assert json.loads(told)["first_break"]["audit_id"] == ids[2]
    assert (await admin(database, "audit-verify", "--start", "4"))[0] == 0


async def test_keys_are_rotated_from_the_command_line(database: Database, owner_engine: AsyncEngine) -> None:
    keys = {"2025": fresh_key(), "2026": fresh_key()}
    old = Keyring.of(keys, "2025")
    people = [await add_customer(owner_engine) for _ in range(3)]
    for person in people:
        await store_tax_id(owner_engine, old, person.id, "123")
    given = {name: key.get_secret_value() for name, key in keys.items()}
    settings = {"AURUM_FIELD_KEYS": json.dumps(given), "AURUM_FIELD_KEY_ID": "2026"}
    status, told, _ = await admin(database, "rotate-field-keys", "--batch", "2", **settings)
    assert status == 0
    assert "users.tax_id_sealed: 3 sealed again, 3 under 2026, 0 not" in told
    values = await sealed_values(owner_engine, "users", "tax_id_sealed", "id")
    assert {key_id_of(sealed) for sealed in values.values()} == {"2026"}
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE users SET tax_id_sealed = sha256('x')"))
    status, told, complaint = await admin(database, "rotate-field-keys", **settings)
    assert status == 1
    assert f"the value of {people[0].id} does not open" in complaint


async def test_a_transfer_is_reversed_from_the_command_line(database: Database, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    async with transaction(owner_engine) as session:
        source, target = await make.account(session, person.id, 100_00), await make.account(session, person.id)
        wrong = await post_one(session, entry(source, target, 60_00))
    words = ("transaction-reverse", str(wrong.transaction_id), "--reason", "booked twice")
    status, told, _ = await admin(database, *words)
    assert (status, told.split(": ")[1]) == (0, "60.00 EUR were given back.\n")
    assert await admin(database, *words) == (0, told, "")
    status, _, complaint = await admin(database, "transaction-reverse", str(source), "--reason", "x")
    assert (status, complaint) == (1, "Not found: There is no such transaction\n")


async def test_a_bank_day_is_closed_and_reopened_from_the_command_line(
    database: Database, owner_engine: AsyncEngine
) -> None:
    today = datetime.now(UTC).date()
    async with transaction(owner_engine) as session:
        await calendars.top_up(session, today)
    special = {one.day for one in special_days("USD", range(today.year, today.year + 2))}
    day = str(next(one for n in range(20, 40) if (one := today + timedelta(days=n)) not in special))
    words = ("calendar-close", "USD", day, "--reason", "storm")
    assert await admin(database, *words, "--at", "12:30") == (0, f"USD {day}: closed at 12:30.\n", "")
    assert await admin(database, *words) == (0, f"USD {day}: closed.\n", "")
    _, told, _ = await admin(database, "calendar-show", "USD", day[:4])
    assert f"{day} " in told
    assert "operator  storm" in told
    assert "rule      Christmas Day" in told
    taken_back = ("calendar-reopen", "USD", day, "--reason", "over")
    assert await admin(database, *taken_back) == (0, f"USD {day}: as the rule has it.\n", "")
    assert await admin(database, *taken_back) == (1, "", "Not found: that day is like any other\n")
    assert (await admin(database, *words, "--at", "noon"))[0] == 2
    async with transaction(owner_engine) as session:
        actions = await session.execute(text("SELECT action FROM audit_logs ORDER BY id"))
        assert [row[0] for row in actions] == [*["calendars.close_day"] * 2, "calendars.reopen_day"]


async def test_a_database_that_is_away_is_said_to_be(database: Database) -> None:
    status, _, complaint = await admin(
        database, "audit-verify", AURUM_DATABASE_URL="postgresql://postgres@127.0.0.1:9/aurum"
    )
    assert status == 1
    assert complaint.startswith("The database does not answer")


async def test_a_folder_that_is_no_stack_is_refused(database: Database, tmp_path: Path) -> None:
    status, _, complaint = await admin(database, "--data", str(tmp_path), "audit-verify")
    assert (status, complaint) == (1, f"{tmp_path} is not the folder of an embedded stack.\n")


async def test_interest_rates_are_published_and_shown_from_the_command_line(
    database: Database, owner_engine: AsyncEngine
) -> None:
    assert await admin(database, "interest-rates", "USD") == (1, "", "")
    words = ("interest-rate-publish", "USD")
    rest = ("--from", "2027-01-01", "--reason", "the sixth month's offer")
    assert await admin(database, *words, "3.25", *rest) == (0, "USD: 3.2500 % from 2027-01-01.\n", "")
    assert await admin(database, "interest-rates", "USD") == (0, "USD  from 2027-01-01  3.2500 %\n", "")
    for percent in ("3.00001", "101", "none", "NaN", "1e9"):
        assert (await admin(database, *words, percent, *rest))[0] == 2, percent
    status, _, complaint = await admin(database, "interest-rate-publish", "XXX", "1", *rest)
    assert (status, "is not a currency that this bank keeps" in complaint) == (1, True)
    async with transaction(owner_engine) as session:
        lines = await session.execute(
            text("SELECT new_values ->> 'note' FROM audit_logs WHERE action = 'blocked.publish_rate' ORDER BY id")
        )
        assert lines.scalars().all() == ["the sixth month's offer"]
