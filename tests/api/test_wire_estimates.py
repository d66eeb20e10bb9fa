"""The dry run of a wire: nothing is stored, and what it says is what then happens."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.wires import ApprovalSteps, PaymentSteps, WireDesk
from api.wires.estimates import SCREENING
from api.wires.routes import now
from infra.database import transaction
from infra.providers.bank import FolderChannel
from infra.settings import BankHours, Settings
from models.tables import calendars
from models.wires import Approver, Row, WireStep
from models.wires.behaviour import NEW_ACCOUNTS_A_DAY
from tests.factories import wires as make
from tests.factories.approval import as_shipped, published
from tests.factories.counterparty import NOSTRO
from tests.factories.wire_desk import WIRES, Customer, Door, held, is_refusal, order, written

URL = f"{WIRES}/estimate-fee"
NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture
async def door(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    await make.sanctions_list(owner_engine)
    async with transaction(worker_engine) as session:
        await calendars.top_up(session, datetime.now(UTC).date())
        await calendars.top_up(session, datetime(2026, 11, 25, tzinfo=UTC).date())
    made = Door(app, client, owner_engine, worker_engine, tmp_path)
    settings = Settings(_env_file=None, bank_hours=BankHours.CALENDAR, nostro_accounts=NOSTRO)
    desk = WireDesk.of(settings, worker_engine, FolderChannel(tmp_path / "out", tmp_path / "in"))
    made.approval, made.payment = ApprovalSteps(desk), PaymentSteps(desk)
    return made


@pytest.fixture
def clock(app: FastAPI) -> Iterator[list[datetime]]:
    """The present moment of the API, to be set."""
    moment = [datetime(2026, 11, 24, 15, tzinfo=UTC)]

    async def then() -> datetime:
        return moment[0]

    app.dependency_overrides[now] = then
    yield moment
    del app.dependency_overrides[now]


async def _estimate(door: Door, customer: Customer, **changes: Any) -> Response:
    return await door.client.post(
        URL,
        content=written(order(customer.account, **changes)),
        headers={"Content-Type": "application/json", **customer.headers},
    )


async def _coming(door: Door, day: str, at: time) -> datetime:
    """A moment of New York on the next such day that is open: ahead, since officers decide by the real clock."""
    async with transaction(door.owner) as session:
        hours = await calendars.rail_hours(session, "USD")

    today = datetime.now(NEW_YORK).date()
    days = (today + timedelta(days=later) for later in range(1, 60))
    chosen = next(one for one in days if f"{one:%A}" == day and hours.is_business_day(one))
    return datetime.combine(chosen, at, NEW_YORK).astimezone(UTC)


@pytest.mark.parametrize(
    ("day", "at_clock", "changes"),
    [
        ("Tuesday", time(10), {}),
        ("Tuesday", time(10), {"charges": "OUR", "amount": 260_000}),
        ("Tuesday", time(10), {"charges": "BEN", "amount": 900_000}),
        # After the cut-off, and on a Friday for a Saturday.
        ("Friday", time(17, 45), {}),
        ("Friday", time(16), {"execution_date": "the day after"}),
        ("Friday", time(9), {"currency": "EUR", "recipient_bank_swift": "COBADEFF"}),
    ],
)
async def test_what_is_estimated_is_what_then_happens(
    door: Door, clock: list[datetime], day: str, at_clock: time, changes: dict[str, Any]
) -> None:
    customer = await door.customer(currency=changes.get("currency", "USD"))
    at = clock[0] = await _coming(door, day, at_clock)
    if "execution_date" in changes:
        changes = {**changes, "execution_date": str(at.date() + timedelta(days=1))}
    before = await door.world()
    answered = await _estimate(door, customer, **changes)
    assert answered.status_code == 200, answered.text
    told = answered.json()
    after = await door.world()
    assert (after.rows, after.money) == (before.rows, before.money)
    assert told["accepted"]

    ordered = await door.order(customer, **changes)
    assert ordered.status_code == 201, ordered.text
    wire = ordered.json()
    assert {name: wire[name] for name in ("amount", "fee", "correspondent_fee")} == {
        name: told[name] for name in ("amount", "fee", "correspondent_fee")
    }
    assert (await held(door.owner, customer.account))[0] == round(told["total_debit"] * 100)
    left = (await door.client.get(f"{WIRES}/limits", headers=customer.headers)).json()["data"]
    (limits,) = [one for one in left if one["currency"] == wire["currency"]]
    assert limits["day"]["left"] == told["limits"]["day"]["left"] - wire["amount"]

    def step(moment: datetime) -> WireStep:
        return WireStep(wire_id=UUID(wire["id"]), at=moment)

    await door.approval.screen(step(at))
    await door.approval.route(step(at))
    routed = await door.seen(wire["id"], customer.headers)
    assert routed["approvals"]["required"] == told["approvals"]["required"]
    assert routed["approvals"]["senior_required"] == told["approvals"]["senior_required"]
    assert routed["sla_deadline"] == told["approvals"]["deadline"]
    for _ in range(told["approvals"]["required"]):
        _, officer = await door.officer("senior_compliance_officer")
        assert (await door.approve(wire["id"], officer)).status_code == 200

    leaves = datetime.fromisoformat(told["release_at"])
    if leaves > at:
        waiting = await door.payment.release(step(at))
        assert (waiting.status, waiting.look_again_at) == ("approved", leaves)
    state = await door.payment.release(step(leaves))
    assert (state.status, str(state.value_date)) == ("released", told["value_date"])


async def _as_routed(door: Door, customer: Customer, at: datetime, **changes: Any) -> tuple[str, int]:
    """Estimates, orders and routes a wire; checks that they agree, and gives its status and number of approvals."""
    told = (await _estimate(door, customer, **changes)).json()["approvals"]
    wire = await door.ordered(customer, **changes)
    step = WireStep(wire_id=UUID(wire), at=at)
    await door.approval.screen(step)
    await door.approval.route(step)
    seen = await door.seen(wire, customer.headers)
    needed = seen["approvals"]
    assert told == {
        "required": needed["required"],
        "senior_required": needed["senior_required"],
        "deadline": seen["sla_deadline"],
    }
    return seen["status"], needed["required"]


async def test_where_nobody_has_to_approve_a_known_recipient_the_estimate_says_so(
    door: Door, clock: list[datetime]
) -> None:
    await make.rates(door.owner)
    customer = await door.customer()
    saved = await door.client.post(
        f"{WIRES}/beneficiaries",
        json={name: order("x")[name] for name in order("x") if name.startswith("recipient_")},
        headers=customer.headers,
    )
    named: dict[str, Any] = {name: ... for name in order("x") if name.startswith("recipient_")}
    named["beneficiary_id"] = saved.json()["id"]
    known_from = datetime.fromisoformat(saved.json()["known_from"])
    async with as_shipped(door.owner):
        new = Row(name="new", new_beneficiary=True, approvers=(Approver.OFFICER,))
        await published(door.owner, new, Row(name="known", approvers=()))
        clock[0] = known_from - timedelta(seconds=1)
        assert await _as_routed(door, customer, clock[0], **named) == ("awaiting_approval", 1)
        clock[0] = known_from
        assert await _as_routed(door, customer, clock[0], **named) == ("approved", 0)


async def test_the_account_that_is_one_too_many_is_so_before_it_is_ordered_to(
    door: Door, clock: list[datetime]
) -> None:
    await make.rates(door.owner)
    customer = await door.customer()
    at = clock[0] = datetime.now(UTC)
    async with transaction(door.owner) as session:
        await calendars.top_up(session, at.date())
    needed = [
        await _as_routed(door, customer, at, amount=11_000, recipient_account_number=f"77700000000{number}")
        for number in range(NEW_ACCOUNTS_A_DAY)
    ]
    assert needed == [("awaiting_approval", 1)] * (NEW_ACCOUNTS_A_DAY - 1) + [("awaiting_approval", 2)]


async def test_a_missed_cut_off_is_told_to_the_second(door: Door, clock: list[datetime]) -> None:
    customer = await door.customer()
    clock[0] = datetime(2026, 11, 25, 17, 44, 59, tzinfo=NEW_YORK).astimezone(UTC)
    in_time = (await _estimate(door, customer)).json()
    assert (in_time["value_date"], in_time["warnings"]) == ("2026-11-25", [])
    assert datetime.fromisoformat(in_time["cut_off"]) == clock[0] + timedelta(seconds=1)
    # Approved at the deadline, in Amsterdam's next morning, it leaves after Thanksgiving.
    assert in_time["latest_value_date"] == "2026-11-27"
    clock[0] += timedelta(seconds=1)
    late = (await _estimate(door, customer)).json()
    assert late["value_date"] == "2026-11-27"
    assert [warning["code"] for warning in late["warnings"]] == ["later_value_date"]


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({"recipient_bank_swift": "TESTINBB"}, ["purpose_code_expected"]),
        ({"recipient_bank_swift": "TESTINBB", "purpose_code": "SUPP"}, []),
        ({"recipient_bank_swift": "TESTGB2L", "recipient_account_number": "DE89370400440532013000"},
         ["iban_and_bank_differ"]),
        ({"recipient_bank_swift": "TESTJPJT", "execution_date": "2027-01-11"}, ["recipient_bank_closed"]),
        ({"execution_date": "2027-01-18"}, ["later_value_date"]),
    ],
)  # fmt: skip
async def test_what_is_worth_knowing_is_warned_of(
    door: Door, clock: list[datetime], changes: dict[str, Any], codes: list[str]
) -> None:
    told = (await _estimate(door, await door.customer(), **changes)).json()
    assert [warning["code"] for warning in told["warnings"]] == codes
    assert told["accepted"]


async def test_money_and_room_are_problems_to_tell_of(door: Door, clock: list[datetime]) -> None:
    poor, small = await door.customer(1_024_99), await door.customer(tier="standard")
    told = (await _estimate(door, poor)).json()
    assert (told["accepted"], [one["code"] for one in told["problems"]]) == (False, ["insufficient_funds"])
    assert told["available_balance"] == 1024.99
    ordered = await door.order(poor)
    assert ordered.json()["detail"] == told["problems"][0]["message"]
    told = (await _estimate(door, small, amount=10_001)).json()
    ordered = await door.order(small, amount=10_001)
    assert [one["code"] for one in told["problems"]] == [ordered.json()["code"]] == ["limit_exceeded"]
    assert ordered.json()["detail"] == told["problems"][0]["message"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"currency": "GBP"}, "currency_mismatch"),
        ({"charges": "BEN", "amount": 25}, "refused"),
        ({"execution_date": "2026-11-23"}, "execution_date_refused"),
        ({"execution_date": "2028-01-01"}, "execution_date_refused"),
        ({"from_account_id": str(UUID(int=7))}, "not_found"),
    ],
)
async def test_what_is_refused_whatever_the_balance_is_refused_alike(
    door: Door, clock: list[datetime], changes: dict[str, Any], code: str
) -> None:
    customer = await door.customer()
    estimated, ordered = await _estimate(door, customer, **changes), await door.order(customer, **changes)
    assert estimated.json()["code"] == code
    members = ("status", "code", "detail")
    assert {name: estimated.json()[name] for name in members} == {name: ordered.json()[name] for name in members}


async def test_charges_that_the_law_fixes_are_refused_alike(door: Door, clock: list[datetime]) -> None:
    customer = await door.customer(currency="EUR")
    changes = {"currency": "EUR", "recipient_bank_swift": "COBADEFF", "charges": "OUR"}
    is_refusal(await _estimate(door, customer, **changes), 400, "charges_refused")


async def test_a_listed_name_is_told_nothing_that_another_is_not(door: Door, clock: list[datetime]) -> None:
    customer = await door.customer()
    answers = [
        (await _estimate(door, customer, recipient_name=name)).text
        for name in ("Globex Trading Ltd", "Viktor Grimsholm", "Victor Grimsholm")
    ]
    assert len(set(answers)) == 1
    assert SCREENING in answers[0]


async def test_the_bank_or_the_iban_is_enough(door: Door, clock: list[datetime]) -> None:
    customer = await door.customer(currency="EUR")
    nobody = dict.fromkeys(("recipient_name", "recipient_bank_name", "recipient_account_number"), ...)
    for recipient in (
        {"recipient_bank_swift": "COBADEFF"},
        {"recipient_bank_swift": ..., "recipient_account_number": "DE89370400440532013000"},
    ):
        answered = await _estimate(door, customer, **{**nobody, "currency": "EUR", **recipient})
        assert answered.status_code == 200, answered.text
    refused = await _estimate(door, customer, **nobody, currency="EUR", recipient_bank_swift=...)
    is_refusal(refused, 422, "invalid_request")
