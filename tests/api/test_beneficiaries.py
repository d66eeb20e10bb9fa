"""Saved recipients by HTTP: kept sealed, found again by their fingerprint, new until the cooling time is over."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from infra.settings import Settings
from models.beneficiaries import Standing, fingerprint, institution
from models.tables.beneficiaries import standing
from tests.factories import wires as make
from tests.factories.auth import age_session, letters
from tests.factories.wire_desk import WIRES, Customer, Door, is_refusal

URL = f"{WIRES}/beneficiaries"
ACCOUNT, BANK = "DE89370400440532013000", "COBADEFFXXX"
KEY = Settings(_env_file=None).fingerprint_key.get_secret_value().encode()


@pytest.fixture
async def door(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    await make.sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine, tmp_path)


def _body(**changes: Any) -> dict[str, Any]:
    body = {
        "recipient_name": "Łukasz Żółć",
        "recipient_bank_name": "Test Bank",
        "recipient_bank_swift": BANK,
        "recipient_account_number": ACCOUNT,
        "recipient_address": {"street": "Lane", "building": "7", "town": "Berlin", "postal_code": "1", "country": "DE"},
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


async def _add(door: Door, customer: Customer, **changes: Any) -> Response:
    return await door.client.post(URL, json=_body(**changes), headers=customer.headers)


async def _standing(door: Door, customer: Customer, account: str = ACCOUNT, bank: str = BANK, **at: Any) -> Standing:
    async with transaction(door.owner) as session:
        return await standing(session, customer.person.id, account, bank, key=KEY, **at)


async def test_a_saved_recipient_is_listed_as_it_was_given_and_its_customer_is_written_to(door: Door) -> None:
    customer, other = await door.customer(), await door.customer()
    added = await _add(door, customer)
    assert added.status_code == 201, added.text
    told = added.json()
    assert {name: told[name] for name in _body()} == _body()
    assert (told["recipient_country"], told["standing"]) == ("DE", "cooling")
    waits = datetime.fromisoformat(told["known_from"]) - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < waits <= timedelta(hours=24)
    listed = (await door.client.get(URL, headers=customer.headers)).json()
    assert (listed["data"], listed["total"]) == ([told], 1)
    assert (await door.client.get(URL, headers=other.headers)).json()["data"] == []
    assert await letters(door.owner) == [("beneficiary_added", None)]
    async with transaction(door.owner) as session:
        body = (await session.execute(text("SELECT body FROM notifications"))).scalar_one()
        audited = (await session.execute(text("SELECT resource_id, new_values::text FROM audit_logs"))).one()
    assert "account ending in 3000" in body
    assert ACCOUNT not in body
    assert audited[0] == told["id"]
    assert not any(secret in audited[1] for secret in (ACCOUNT, "Łukasz", "Lane"))


async def test_the_account_number_is_nowhere_in_the_row(door: Door) -> None:
    await _add(door, await door.customer())
    async with transaction(door.owner) as session:
        row = (await session.execute(text("SELECT * FROM beneficiaries"))).mappings().one()
    assert len(row["fingerprint"]) == 32
    kept = repr([bytes(one) if isinstance(one, memoryview) else one for one in row.values()])
    assert ACCOUNT not in kept
    assert ACCOUNT[4:] not in kept


async def test_adding_one_needs_a_fresh_proof(door: Door) -> None:
    customer = await door.customer()
    await age_session(door.owner, customer.person)
    is_refusal(await _add(door, customer), 403, "step_up_required")
    assert await letters(door.owner) == []


async def test_one_account_at_one_bank_is_saved_once_even_by_two_at_once(door: Door) -> None:
    customer, other = await door.customer(), await door.customer()
    answers = await asyncio.gather(*(_add(door, customer) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    again = await _add(door, customer, recipient_name="Somebody Else", recipient_bank_swift="COBADEFF")
    is_refusal(again, 409, "beneficiary_exists")
    assert again.json()["beneficiary_id"] == next(a.json()["id"] for a in answers if a.status_code == 201)
    assert (await _add(door, other)).status_code == 201
    assert (await _add(door, customer, recipient_bank_swift="DEUTDEFF")).status_code == 201


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"recipient_account_number": "DE88370400440532013000"}, "invalid_iban"),
        ({"recipient_bank_swift": "COBADEF0"}, "invalid_bic"),
        ({"recipient_name": ...}, "invalid_request"),
        ({"recipient_name": "\u0000"}, "malformed"),
        ({"recipient_routing_number": "021000021"}, "invalid_request"),
        ({"nickname": "x"}, "invalid_request"),
    ],
)
async def test_what_an_order_refuses_is_not_saved(door: Door, changes: dict[str, Any], code: str) -> None:
    refused = await _add(door, await door.customer(), **changes)
    assert refused.status_code == 422, refused.text
    assert code in refused.text
    async with transaction(door.owner) as session:
        assert (await session.execute(text("SELECT count(*) FROM beneficiaries"))).scalar_one() == 0


async def test_processes_and_the_customer_themselves_are_told_alike(
    door: Door, worker_engine: AsyncEngine, api_engine: AsyncEngine
) -> None:
    customer, other = await door.customer(), await door.customer()
    await _add(door, customer)
    for engine, who, found in (
        (worker_engine, None, Standing.COOLING),
        (api_engine, customer.person.principal, Standing.COOLING),
        (api_engine, other.person.principal, Standing.NEW),
    ):
        async with transaction(engine, who) as session:
            assert await standing(session, customer.person.id, ACCOUNT, BANK, key=KEY) is found
    with pytest.raises(DBAPIError, match="permission denied"):
        async with transaction(worker_engine) as session:
            await session.execute(text("SELECT account_sealed FROM beneficiaries"))


async def test_deleting_is_soft_and_what_is_saved_again_is_new_again(door: Door) -> None:
    customer, other = await door.customer(), await door.customer()
    first = (await _add(door, customer)).json()["id"]
    is_refusal(await door.client.delete(f"{URL}/{first}", headers=other.headers), 404, "not_found")
    await _aged(door)
    assert await _standing(door, customer) is Standing.KNOWN
    assert (await door.client.delete(f"{URL}/{first}", headers=customer.headers)).status_code == 204
    is_refusal(await door.client.delete(f"{URL}/{first}", headers=customer.headers), 404, "not_found")
    assert (await door.client.get(URL, headers=customer.headers)).json()["data"] == []
    assert await _standing(door, customer) is Standing.NEW
    assert (await _add(door, customer)).status_code == 201
    assert await _standing(door, customer) is Standing.COOLING
    async with transaction(door.owner) as session:
        assert (await session.execute(text("SELECT count(*) FROM beneficiaries"))).scalar_one() == 2


async def _aged(door: Door, hours: int = 24) -> None:
    async with transaction(door.owner) as session:
        await session.execute(
            text("UPDATE beneficiaries SET known_from = known_from - make_interval(hours => :hours)"), {"hours": hours}
        )


async def test_the_cooling_time_ends_to_the_second(door: Door) -> None:
    customer, other = await door.customer(), await door.customer()
    known_from = datetime.fromisoformat((await _add(door, customer)).json()["known_from"])
    second = timedelta(seconds=1)
    assert await _standing(door, customer, at=known_from - second) is Standing.COOLING
    assert await _standing(door, customer, at=known_from) is Standing.KNOWN
    assert await _standing(door, customer, bank="COBADEFF", at=known_from) is Standing.KNOWN
    assert await _standing(door, customer, bank="DEUTDEFF", at=known_from) is Standing.NEW
    assert await _standing(door, other, at=known_from) is Standing.NEW
    assert Standing.COOLING.counts_as_new
    assert not Standing.KNOWN.counts_as_new


@pytest.mark.parametrize(("status", "found"), [("completed", "known"), ("returned", "new"), ("released", "new")])
async def test_a_wire_that_was_paid_makes_its_recipient_known(door: Door, status: str, found: str) -> None:
    customer, other = await door.customer(), await door.customer()
    await door.ordered(customer, recipient_bank_swift="TESTUS33XXX")
    async with transaction(door.owner) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text("UPDATE wire_transfers SET status = :status"), {"status": status})
    assert await _standing(door, customer, "000123456789", "TESTUS33") == found
    assert await _standing(door, customer, "000123456789", "TESTGB2L") is Standing.NEW
    assert await _standing(door, customer, "000123456780", "TESTUS33") is Standing.NEW
    assert await _standing(door, other, "000123456789", "TESTUS33") is Standing.NEW


async def test_a_wire_names_a_saved_recipient_and_orders_what_its_fields_would(door: Door) -> None:
    customer, other = await door.customer(currency="EUR"), await door.customer(currency="EUR")
    saved = (await _add(door, customer)).json()["id"]
    fields = ("recipient_name", "recipient_bank_name", "recipient_bank_swift", "recipient_account_number")
    unnamed: dict[str, Any] = dict.fromkeys(fields, ...) | {"currency": "EUR"}
    answered = await door.order(customer, **unnamed, beneficiary_id=saved)
    assert answered.status_code == 201, answered.text
    wire = answered.json()
    assert {name: wire[name] for name in _body()} == _body()
    assert wire["recipient_country"] == "DE"
    is_refusal(await door.order(other, **unnamed, beneficiary_id=saved), 404, "not_found")
    is_refusal(await door.order(customer, currency="EUR", beneficiary_id=saved), 422, "invalid_request")
    refused = await door.order(customer, **unnamed)
    assert [problem["field"] for problem in refused.json()["errors"]][:2] == [
        "recipient_name",
        "recipient_account_number",
    ]


def test_fingerprints_differ_by_every_part() -> None:
    one, other = UUID(int=1), UUID(int=2)
    marks = {
        fingerprint(key, person, account, bank)
        for key in (b"a", b"b")
        for person in (one, other)
        for account in ("1", "12")
        for bank in ("021000021", "TESTUS33", "TESTUS44")
    }
    assert len(marks) == 24
    assert institution("TESTUS33ABC") == "TESTUS33"
    assert institution("021000021") == "021000021"
