"""Payments to other banks by HTTP: what is taken and refused, how they are seen, and what can still be stopped."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables import calendars
from tests.factories.payments import ELSEWHERE_IBAN, ELSEWHERE_ROUTING
from tests.factories.teller import Teller
from tests.factories.wire_desk import is_refusal

URL = "/api/v1/transactions"
TODAY = datetime.now(UTC).date()


class Payer:
    """A customer with money in euros and dollars, who orders payments."""

    def __init__(self, teller: Teller, headers: dict[str, str], eur: UUID, usd: UUID) -> None:
        self.teller, self.headers, self.eur, self.usd = teller, headers, eur, usd

    async def pay(self, key: str | None = None, **changes: Any) -> httpx.Response:
        """Orders 100.00 EUR to another bank, changed."""
        body = {
            "from_account_id": str(self.eur),
            "amount": 100.00,
            "recipient_name": "Nina Landlady",
            "recipient_account_number": ELSEWHERE_IBAN,
            "reference": "Rent December",
        } | changes
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        return await self.teller.client.post(f"{URL}/payment", json=body, headers=headers)

    async def paid(self, **changes: Any) -> dict[str, Any]:
        """A payment that was taken."""
        answered = await self.pay(**changes)
        assert answered.status_code == 201, answered.text
        told: dict[str, Any] = answered.json()
        return told

    async def dollars(self, **changes: Any) -> httpx.Response:
        """Orders 100.00 USD to another bank, changed."""
        return await self.pay(
            **{
                "from_account_id": str(self.usd),
                "recipient_account_number": "000123456789",
                "recipient_routing_number": ELSEWHERE_ROUTING,
            }
            | changes
        )

    async def get(self, path: str = "", **params: Any) -> dict[str, Any]:
        """What the customer sees there."""
        answered = await self.teller.client.get(f"{URL}{path}", params=params, headers=self.headers)
        assert answered.status_code == 200, answered.text
        seen: dict[str, Any] = answered.json()
        return seen

    async def cancel(self, path: str) -> httpx.Response:
        """Cancels what is there."""
        return await self.teller.client.put(f"{URL}/{path}/cancel", headers=self.headers)


@pytest.fixture
async def payer(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine) -> Payer:
    async with transaction(owner_engine) as session:
        await calendars.top_up(session, TODAY)
    teller = Teller(app, client, owner_engine)
    me, headers = await teller.customer()
    return Payer(teller, headers, await teller.account(me, 5_000_00, "EUR"), await teller.account(me, 5_000_00, "USD"))


async def _held(owner: AsyncEngine, account: UUID) -> int:
    async with transaction(owner) as session:
        found = await session.execute(text("SELECT held_minor FROM accounts WHERE id = :id"), {"id": account})
        return int(found.scalar_one())


async def test_a_payment_is_pending_with_its_money_set_aside_and_is_seen_at_once(
    payer: Payer, owner_engine: AsyncEngine
) -> None:
    answered = await payer.pay(category="housing")
    told = answered.json()
    assert answered.status_code == 201, answered.text
    assert '"amount":100.00,' in answered.text
    assert '"fee":0.20,' in answered.text
    expected = {
        "transaction_type": "payment", "status": "pending", "from_account_id": str(payer.eur), "to_account_id": None,
        "currency": "EUR", "category": "housing", "processed_at": None,
        "description": "Nina Landlady Rent December",
    }  # fmt: skip
    assert {name: told[name] for name in expected} == expected
    assert told["metadata"]["to_account_number"] == "…3000"
    assert told["reference_number"] == "TX" + told["id"].replace("-", "")[-16:].upper()
    assert await _held(owner_engine, payer.eur) == 100_20
    assert (await payer.get())["data"][0]["id"] == told["id"]
    seen = await payer.get(f"/{told['id']}")
    assert (seen["status"], seen["postings"], seen["counterparty"]) == ("pending", [], "…3000")
    async with transaction(owner_engine) as session:
        woken = (await session.execute(text("SELECT workflow_id FROM outbox"))).scalars().all()
    assert woken == [f"payment/{told['id']}"]


async def test_dollars_go_by_ach(payer: Payer, owner_engine: AsyncEngine) -> None:
    answered = await payer.dollars(recipient_account_type="savings", recipient_is_company=True, amount="12.34")
    assert answered.status_code == 201, answered.text
    assert (answered.json()["metadata"]["rail"], answered.json()["currency"]) == ("ach", "USD")
    assert await _held(owner_engine, payer.usd) == 12_84


async def test_the_same_key_is_the_same_payment(payer: Payer, owner_engine: AsyncEngine) -> None:
    first, again = await payer.pay(key="rent-12"), await payer.pay(key="rent-12")
    assert first.json()["id"] == again.json()["id"]
    is_refusal(await payer.pay(key="rent-12", amount=101), 409, "idempotency_conflict")
    assert await _held(owner_engine, payer.eur) == 100_20


async def test_payments_at_once_never_spend_money_twice(payer: Payer, owner_engine: AsyncEngine) -> None:
    answers = await asyncio.gather(*(payer.pay(amount=1500) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 201, 400, 400, 400, 400, 400]
    assert await _held(owner_engine, payer.eur) == 3 * 1500_20


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount": 5_000}, 400, "insufficient_funds"),
        ({"amount": 10_001}, 400, "limit_exceeded"),
        ({"amount": "1.001"}, 422, "invalid_amount"),
        ({"amount": 0}, 422, "invalid_amount"),
        ({"currency": "USD"}, 400, "currency_mismatch"),
        ({"currency": "XXX"}, 422, "unknown_currency"),
        ({"recipient_account_number": "DE89370400440532013001"}, 422, "invalid_iban"),
        ({"recipient_account_number": "000123456789"}, 422, "invalid_iban"),
        ({"recipient_account_number": "TR330006100519786457841326"}, 422, "not_on_this_rail"),
        ({"recipient_routing_number": ELSEWHERE_ROUTING}, 422, "not_on_this_rail"),
        ({"recipient_bank_swift": "NOBANK"}, 422, "invalid_bic"),
        ({"recipient_name": "  "}, 422, "invalid_request"),
        ({"recipient_name": "王小明"}, 422, "not_writable"),
        ({"reference": "a\u202eb"}, 422, "invalid_request"),
        ({"execution_date": "2020-01-01"}, 400, "execution_date_refused"),
        ({"execution_date": str(TODAY + timedelta(days=400))}, 400, "execution_date_refused"),
        ({"execution_date": "tomorrow"}, 422, "invalid_request"),
        ({"from_account_id": "01890a5d-ac96-774b-bcce-b302099a8057"}, 404, "not_found"),
        ({"surprise": 1}, 422, "invalid_request"),
        ({"recurrence": {"frequency": "hourly"}}, 422, "invalid_request"),
        ({"recurrence": {"frequency": "monthly", "count": 0}}, 422, "invalid_request"),
        ({"recurrence": {"frequency": "monthly", "count": 2, "end_date": "2099-01-01"}}, 422, "invalid_request"),
        (
            {
                "execution_date": str(TODAY + timedelta(days=9)),
                "recurrence": {"frequency": "weekly", "end_date": str(TODAY)},
            },
            422,
            "invalid_request",
        ),
    ],
)
async def test_what_cannot_be_paid_is_refused_and_leaves_nothing(
    payer: Payer, owner_engine: AsyncEngine, changes: dict[str, Any], status: int, code: str
) -> None:
    is_refusal(await payer.pay(**changes), status, code)
    async with transaction(owner_engine) as session:
        for table in ("payments", "standing_orders", "holds", "limit_uses", "outbox"):
            assert (await session.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0, table


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"recipient_routing_number": None}, "not_on_this_rail"),
        ({"recipient_bank_swift": "TESTUS33"}, "not_on_this_rail"),
        ({"recipient_account_number": "123456789012345678"}, "not_on_this_rail"),
        ({"recipient_account_number": "12:34"}, "not_on_this_rail"),
        ({"recipient_routing_number": "021000022"}, "invalid_routing_number"),
    ],
)
async def test_what_the_ach_cannot_carry_is_said(payer: Payer, changes: dict[str, Any], code: str) -> None:
    is_refusal(await payer.dollars(**changes), 422, code)


@pytest.mark.parametrize(("currency", "amount"), [("JPY", 1200), ("BHD", "1.234"), ("GBP", 10)])
async def test_a_currency_without_a_rail_is_refused_clearly(payer: Payer, currency: str, amount: Any) -> None:
    me, headers = await payer.teller.customer()
    account = await payer.teller.account(me, 100_000, currency)
    other = Payer(payer.teller, headers, account, account)
    answered = await other.pay(amount=amount, recipient_account_number="12345678")
    is_refusal(answered, 400, "no_rail")
    assert currency in answered.json()["detail"]


async def test_an_account_of_this_bank_is_reached_by_a_transfer(payer: Payer) -> None:
    friend, _ = await payer.teller.customer()
    number = await payer.teller.number(await payer.teller.account(friend, 0, "EUR"))
    is_refusal(await payer.pay(recipient_account_number=number), 400, "own_bank")


async def test_who_may_not_send_money_may_not_pay(payer: Payer) -> None:
    for column, value, code in (("kyc_status", "pending", "kyc_required"), ("status", "frozen", "customer_frozen")):
        me, headers = await payer.teller.customer(**{column: value})
        other = Payer(payer.teller, headers, await payer.teller.account(me, 500_00, "EUR"), payer.usd)
        is_refusal(await other.pay(), 403, code)


async def test_somebody_elses_account_pays_nothing(payer: Payer) -> None:
    _, headers = await payer.teller.customer()
    stranger = Payer(payer.teller, headers, payer.eur, payer.usd)
    is_refusal(await stranger.pay(), 404, "not_found")


async def test_a_payment_for_a_day_holds_nothing_before_it_and_is_stopped(
    payer: Payer, owner_engine: AsyncEngine
) -> None:
    day = TODAY + timedelta(days=20)
    told = await payer.paid(execution_date=str(day), amount=9_000)
    assert (told["status"], told["value_date"]) == ("pending", str(day))
    assert await _held(owner_engine, payer.eur) == 0
    stopped = await payer.cancel(told["id"])
    assert (stopped.status_code, stopped.json()["status"]) == (200, "cancelled")
    assert stopped.json()["processed_at"] is not None
    is_refusal(await payer.cancel(told["id"]), 409, "wrong_state")


async def test_a_payment_that_waits_for_the_rail_is_stopped_and_its_money_available_again(
    payer: Payer, owner_engine: AsyncEngine
) -> None:
    told = await payer.paid()
    assert (await payer.cancel(told["id"])).status_code == 200
    assert await _held(owner_engine, payer.eur) == 0
    assert [one["status"] for one in (await payer.get(type="payment"))["data"]] == ["cancelled"]


async def test_a_transfer_is_done_and_cannot_be_cancelled(payer: Payer) -> None:
    friend, _ = await payer.teller.customer()
    number = await payer.teller.number(await payer.teller.account(friend, 0, "EUR"))
    done = await payer.teller.transfer(payer.headers, payer.eur, to_account_number=number, amount=1)
    refused = await payer.cancel(done.json()["id"])
    is_refusal(refused, 409, "wrong_state")
    assert "transfer" in refused.json()["detail"]
    is_refusal(await payer.cancel("01890a5d-ac96-774b-bcce-b302099a8057"), 404, "not_found")


async def test_a_standing_order_is_seen_with_its_next_payment_and_is_ended(
    payer: Payer, owner_engine: AsyncEngine
) -> None:
    first = TODAY + timedelta(days=10)
    told = await payer.paid(
        execution_date=str(first), recurrence={"frequency": "monthly", "count": 12, "non_banking_day": "previous"}
    )
    order_id = told["metadata"]["standing_order_id"]
    (seen,) = (await payer.get("/standing-orders"))["data"]
    assert seen == await payer.get(f"/standing-orders/{order_id}")
    expected = {
        "id": order_id, "status": "active", "amount": 100.0, "frequency": "monthly", "count": 12, "end_date": None,
        "non_banking_day": "previous", "first_date": str(first), "recipient_account_number": ELSEWHERE_IBAN,
    }  # fmt: skip
    assert {name: seen[name] for name in expected} == expected
    assert (seen["next_payment"]["transaction_id"], seen["next_payment"]["number"]) == (told["id"], 1)
    assert date.fromisoformat(seen["next_payment"]["due_on"]) <= first
    async with transaction(owner_engine) as session:
        woken = (await session.execute(text("SELECT workflow_id FROM outbox ORDER BY id"))).scalars().all()
    assert woken == [f"payment/{told['id']}", f"standing-order/{order_id}"]
    ended = await payer.cancel(f"standing-orders/{order_id}")
    assert (ended.status_code, ended.json()["status"], ended.json()["next_payment"]) == (200, "cancelled", None)
    assert (await payer.get(f"/{told['id']}"))["status"] == "cancelled"
    is_refusal(await payer.cancel(f"standing-orders/{order_id}"), 409, "wrong_state")


async def test_a_standing_order_that_would_never_pay_is_refused(payer: Payer) -> None:
    saturday = TODAY + timedelta(days=(5 - TODAY.weekday()) % 7 + 7)
    refused = await payer.pay(
        execution_date=str(saturday), recurrence={"frequency": "weekly", "non_banking_day": "skip"}
    )
    is_refusal(refused, 400, "never_pays")


async def test_one_payment_of_a_standing_order_is_cancelled_by_itself(payer: Payer) -> None:
    told = await payer.paid(execution_date=str(TODAY + timedelta(days=10)), recurrence={"frequency": "monthly"})
    assert (await payer.cancel(told["id"])).json()["status"] == "cancelled"
    order = await payer.get(f"/standing-orders/{told['metadata']['standing_order_id']}")
    assert (order["status"], order["next_payment"]) == ("active", None)


async def test_lists_mix_what_is_booked_and_what_is_not(payer: Payer) -> None:
    friend, _ = await payer.teller.customer()
    number = await payer.teller.number(await payer.teller.account(friend, 0, "EUR"))
    ids = []
    for index in range(4):
        ids.append((await payer.paid(amount=10 + index, description=f"Payment {index}"))["id"])
        done = await payer.teller.transfer(
            payer.headers, payer.eur, to_account_number=number, amount=1 + index, description=f"Transfer {index}"
        )
        ids.append(done.json()["id"])
    await payer.cancel(ids[0])
    newest = ids[::-1]
    whole = await payer.get(account=str(payer.eur))
    assert [one["id"] for one in whole["data"]][:8] == newest
    assert (whole["total"], whole["total_is_at_least"]) == (9, False)  # and the opening
    for limit in (1, 3, 5):
        by_cursor: list[str] = []
        cursor: dict[str, Any] = {}
        while len(by_cursor) < 20:
            page = await payer.get(account=str(payer.eur), limit=limit, **cursor)
            by_cursor += [one["id"] for one in page["data"]]
            if page["next_cursor"] is None:
                break
            cursor = {"cursor": page["next_cursor"]}
        assert by_cursor[:8] == newest
        by_page = [
            one["id"]
            for number_ in range(1, 12)
            for one in (await payer.get(account=str(payer.eur), limit=limit, page=number_))["data"]
        ]
        assert by_page == by_cursor
    payments_ = [one for one in newest if ids.index(one) % 2 == 0]
    for params, expected in (
        ({"type": "payment"}, payments_),
        ({"status": "pending"}, payments_[:-1]),
        ({"status": "cancelled"}, [ids[0]]),
        ({"status": ["cancelled", "pending"]}, payments_),
        ({"min": 12, "max": 13}, payments_[:2]),
        ({"text": "payment 2"}, [ids[4]]),
        ({"category": "other", "type": "payment"}, payments_),
        ({"from": datetime.now(UTC).isoformat()}, []),
        ({"from": (datetime.now(UTC) - timedelta(hours=1)).isoformat(), "type": "payment"}, payments_),
    ):
        page = await payer.get(account=str(payer.eur), **params)
        assert ([one["id"] for one in page["data"]], page["total"]) == (expected, len(expected)), params
    assert [one["id"] for one in (await payer.get("/search", q="payment 3"))["data"]] == [ids[6]]
    assert [one["id"] for one in (await payer.get("/search", q="transf"))["data"]][:1] == [ids[7]]
