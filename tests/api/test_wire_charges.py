"""Who bears the charges: what is refused, what is held, and where each part of it is booked."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from infra.settings import Settings
from models.bank import AnswerKind, Charges
from models.errors import RuleRefused
from models.wires import (
    ChargesRefused,
    Fee,
    PurposeNeed,
    PurposeRequired,
    WireStep,
    check_charges,
    check_purpose,
    purpose_need,
)
from models.wires import price as price_of
from tests.activities.test_wire_races import Bench
from tests.factories import wires as make
from tests.factories.wire_desk import Door, held, is_refusal


@pytest.fixture
async def door(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    await make.sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine, tmp_path)


@pytest.mark.parametrize(
    ("currency", "bank", "charges", "refused"),
    [
        ("EUR", "COBADEFF", "OUR", True),
        ("EUR", "COBADEFF", "BEN", True),
        ("EUR", "COBADEFF", "SHA", False),
        ("EUR", "TESTNOKK", "OUR", True),
        ("EUR", "TESTCHZZ", "OUR", False),
        ("EUR", "TESTGB2L", "OUR", False),
        ("USD", "COBADEFF", "OUR", False),
        ("USD", "TESTUS33", "BEN", False),
    ],
)
async def test_charges_within_the_eea_are_shared(
    door: Door, currency: str, bank: str, charges: str, refused: bool
) -> None:
    customer = await door.customer(currency=currency)
    answered = await door.order(customer, currency=currency, recipient_bank_swift=bank, charges=charges)
    if refused:
        is_refusal(answered, 400, "charges_refused")
        assert answered.json()["allowed"] == ["SHA"]
        assert await held(door.owner, customer.account) == (0, 0)
    else:
        assert answered.status_code == 201, answered.text


def test_a_bank_outside_the_eea_is_not_bound() -> None:
    check_charges(Charges.OUR, "EUR", "GB", "DE")
    with pytest.raises(ChargesRefused):
        check_charges(Charges.OUR, "SEK", "NL", "SE")


async def test_what_correspondents_get_is_told_and_held_beside_the_fee(door: Door) -> None:
    customer = await door.customer()
    answered = await door.order(customer, charges="OUR")
    assert '"fee":25.00,"correspondent_fee":20.00,' in answered.text
    assert await held(door.owner, customer.account) == (1_045_00,) * 2
    assert '"correspondent_fee":0.00' in (await door.order(customer)).text


async def _settled(bench: Bench, **changes: Any) -> dict[str, int]:
    wire = await make.ordered(bench.api, bench.people, **changes)
    step = WireStep(wire_id=wire.id, at=datetime.now(UTC))
    await bench.approval.screen(step)
    await bench.approval.route(step)
    await bench.approve(wire.id)
    await bench.release(wire.id)
    await bench.bank_says(AnswerKind.BOOKED)(wire.id)
    async with transaction(bench.owner) as session:
        rows = await session.execute(
            text(
                "SELECT coalesce(a.purpose, 'customer') AS whose, p.amount_minor FROM postings p"
                " JOIN accounts a ON a.id = p.account_id JOIN transactions t ON t.id = p.transaction_id"
                " WHERE t.idempotency_key = :key"
            ),
            {"key": f"wire/{wire.id}/settlement"},
        )
        return {str(row.whose): int(row.amount_minor) for row in rows}


async def test_each_part_of_what_is_paid_is_booked_where_it_belongs(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> None:
    bench = Bench(owner_engine, api_engine, worker_engine, tmp_path)
    bench.people = await make.people(owner_engine)
    assert await _settled(bench, charges="OUR") == {
        "customer": -1_045_00, "nostro": 1_000_00, "fees": 25_00, "correspondent_charges": 20_00,
    }  # fmt: skip
    assert await _settled(bench, charges="SHA") == {"customer": -1_025_00, "nostro": 1_000_00, "fees": 25_00}
    assert await _settled(bench, charges="BEN") == {"customer": -1_000_00, "nostro": 975_00, "fees": 25_00}
    assert (await make.books(owner_engine))["breaches"] == []
    with pytest.raises(DBAPIError, match="cannot be changed"):
        async with transaction(owner_engine) as session:
            await session.execute(text("UPDATE wire_transfers SET correspondent_minor = 0 WHERE charges = 'OUR'"))


def test_a_tier_can_have_a_fee_of_its_own_and_a_free_one_leaves_no_leg() -> None:
    fees = {"USD": Fee.model_validate({"fee": "25", "correspondent": "12.50", "tiers": {"private": "0"}})}
    assert price_of("USD", Charges.OUR, "private", fees).model_dump() == {
        "fee_minor": 12_50, "correspondent_minor": 12_50, "deducted_minor": 0,
    }  # fmt: skip
    assert price_of("USD", Charges.BEN, "standard", fees).deducted_minor == 25_00
    with pytest.raises(RuleRefused):
        price_of("EUR", Charges.SHA, "standard", fees)


@pytest.mark.parametrize(
    ("fees", "said"),
    [
        ({"JPY": {"fee": "10"}}, "no rail"),
        ({"USD": {"fee": "10.005"}}, "decimals"),
        ({"USD": {"fee": "-1"}}, "greater than or equal"),
    ],
)
def test_a_schedule_that_cannot_be_charged_is_refused(fees: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings(_env_file=None, wire_fees=fees)


def test_every_tier_has_limits() -> None:
    with pytest.raises(ValidationError, match="limited, premium, private"):
        Settings(_env_file=None, wire_limits={"standard": {"per_transfer": 1, "day": 1, "month": 1}})


def test_the_purpose_is_needed_where_the_central_bank_asks_for_it() -> None:
    assert [purpose_need(*corridor) for corridor in (("AE", "AED"), ("IN", "USD"), ("DE", "EUR"))] == [
        PurposeNeed.REQUIRED,
        PurposeNeed.EXPECTED,
        PurposeNeed.OPTIONAL,
    ]
    check_purpose("SALA", "AE", "AED")
    check_purpose(None, "AE", "USD")
    with pytest.raises(PurposeRequired):
        check_purpose(None, "AE", "AED")
