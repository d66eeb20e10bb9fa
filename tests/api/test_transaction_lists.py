"""Looking back at transactions by HTTP: lists with filters and cursor, search, categories, analytics, postings."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables.ledger import post_one
from tests.factories.auth import signed_in
from tests.factories.ledger import entry
from tests.factories.teller import Teller
from tests.factories.users import Person, add_officer
from tests.factories.wire_desk import is_refusal

URL = "/api/v1/transactions"


@pytest.fixture
def teller(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine) -> Teller:
    return Teller(app, client, owner_engine)


class World:
    """Somebody with two accounts who pays a friend and themselves."""

    me: Person
    mine: dict[str, str]
    theirs: dict[str, str]
    checking: UUID
    savings: UUID
    friend: UUID
    paid: dict[str, str]


@pytest.fixture
async def world(teller: Teller) -> World:
    made = World()
    made.me, made.mine = await teller.customer()
    other, made.theirs = await teller.customer()
    made.checking, made.savings = await teller.account(made.me, 5_000_00), await teller.account(made.me)
    made.friend = await teller.account(other)
    number = await teller.number(made.friend)
    made.paid = {}
    for amount, description, category in (
        ("100.00", "Rent October", "housing"),
        ("20.50", "Concert tickets", "entertainment"),
        ("300.00", "Rent November", "housing"),
    ):
        done = await teller.transfer(
            made.mine,
            made.checking,
            to_account_number=number,
            amount=amount,
            description=description,
            category=category,
        )
        assert done.status_code == 201, done.text
        made.paid[description] = done.json()["id"]
    done = await teller.transfer(made.mine, made.checking, to_account_id=str(made.savings), amount=50)
    made.paid["own"] = done.json()["id"]
    return made


async def _list(teller: Teller, headers: dict[str, str], path: str = "", **params: Any) -> dict[str, Any]:
    answered = await teller.client.get(f"{URL}{path}", params=params, headers=headers)
    assert answered.status_code == 200, answered.text
    told: dict[str, Any] = answered.json()
    return told


def _texts(page: dict[str, Any]) -> list[str]:
    return [one["description"] or one["transaction_type"] for one in page["data"]]


async def test_a_list_is_newest_first_and_has_a_transfer_to_oneself_once(teller: Teller, world: World) -> None:
    page = await _list(teller, world.mine)
    assert _texts(page) == ["transfer", "Rent November", "Concert tickets", "Rent October", "opening"]
    assert (page["total"], page["total_is_at_least"], page["next_cursor"]) == (5, False, None)
    assert _texts(await _list(teller, world.theirs)) == ["Rent November", "Concert tickets", "Rent October"]
    assert _texts(await _list(teller, world.mine, account=world.savings)) == ["transfer"]


@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_and_cursors_give_each_transaction_once(teller: Teller, world: World, limit: int) -> None:
    whole = [one["id"] for one in (await _list(teller, world.mine))["data"]]
    by_page = []
    for number in range(1, 7):
        by_page += [one["id"] for one in (await _list(teller, world.mine, limit=limit, page=number))["data"]]
    assert by_page == whole
    by_cursor: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await _list(teller, world.mine, limit=limit, **cursor)
        by_cursor += [one["id"] for one in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert by_cursor == whole


async def test_filters_choose(teller: Teller, world: World) -> None:
    rents = ["Rent November", "Rent October"]
    soon, past = datetime.now(UTC) + timedelta(minutes=1), datetime.now(UTC) - timedelta(hours=1)
    for params, expected in (
        ({"category": "housing"}, rents),
        ({"text": "rent"}, rents),
        ({"text": "100%"}, []),
        ({"min": "100"}, [*rents, "opening"]),
        ({"min": "20.5", "max": "100.00"}, ["transfer", "Concert tickets", "Rent October"]),
        ({"type": "opening"}, ["opening"]),
        ({"type": ["opening", "wire"], "status": "completed"}, ["opening"]),
        ({"status": "reversed"}, []),
        ({"from": past.isoformat(), "to": soon.isoformat(), "category": "housing"}, rents),
        ({"to": past.isoformat()}, []),
        ({"from": soon.isoformat()}, []),
    ):
        page = await _list(teller, world.mine, **params)
        assert (_texts(page), page["total"]) == (expected, len(expected)), params


async def test_a_foreign_account_and_a_foreign_cursor_are_no_part_of_a_list(teller: Teller, world: World) -> None:
    for path in ("", "/search", "/analytics"):
        params = {"account": str(world.friend), "q": "rent"}
        is_refusal(await teller.client.get(URL + path, params=params, headers=world.mine), 404, "not_found")
    answered = await teller.client.get(URL, params={"cursor": str(uuid4())}, headers=world.mine)
    assert answered.status_code == 422


async def test_the_detail_has_own_legs_and_a_masked_counterparty(teller: Teller, world: World) -> None:
    url = f"/{world.paid['Rent November']}"
    seen = await _list(teller, world.mine, url)
    assert seen["counterparty"] == f"…{(await teller.number(world.friend))[-4:]}"
    (leg,) = seen["postings"]
    assert (leg["account_id"], leg["amount"], leg["balance_after"]) == (str(world.checking), -300.0, 4579.5)
    other = await _list(teller, world.theirs, url)
    assert other["counterparty"] == f"…{(await teller.number(world.checking))[-4:]}"
    assert [(leg["account_id"], leg["amount"]) for leg in other["postings"]] == [(str(world.friend), 300.0)]
    own = await _list(teller, world.mine, f"/{world.paid['own']}")
    assert [leg["amount"] for leg in own["postings"]] == [-50.0, 50.0]


async def test_search_finds_words_beginnings_numbers_references_and_what_is_nearly_right(
    teller: Teller, world: World
) -> None:
    reference = (await _list(teller, world.mine, f"/{world.paid['Concert tickets']}"))["reference_number"]
    for words, expected in (
        ("rent", ["Rent November", "Rent October"]),
        ("rent nov", ["Rent November"]),
        ("housing", ["Rent November", "Rent October"]),
        ("-rent concert", ["Concert tickets"]),
        (reference, ["Concert tickets"]),
        ("conzert tickets", ["Concert tickets"]),
        ("nothing of the kind", []),
        ("'); DROP TABLE x; --", []),
        ("&", []),
    ):
        assert _texts(await _list(teller, world.mine, "/search", q=words)) == expected, words
    assert _texts(await _list(teller, world.theirs, "/search", q="opening")) == []
    _, stranger = await teller.customer()
    assert _texts(await _list(teller, stranger, "/search", q="rent")) == []
    page = await _list(teller, world.mine, "/search", q="rent", limit=1, page=2)
    assert _texts(page) == ["Rent October"]


async def test_categories_are_those_offered_and_those_used(teller: Teller, world: World) -> None:
    data = (await _list(teller, world.mine, "/categories"))["data"]
    used = {one["category"]: one["used"] for one in data}
    assert (used["housing"], used["entertainment"], used["groceries"], used["transfer"]) == (2, 1, 0, 1)


async def test_analytics_sums_a_period_beside_the_one_before(teller: Teller, world: World) -> None:
    now = datetime.now(UTC)
    since, until = now - timedelta(hours=1), now + timedelta(minutes=1)
    told = await _list(teller, world.mine, "/analytics", **{"from": since.isoformat(), "to": until.isoformat()})
    (euros,) = told["data"]
    assert (euros["currency"], euros["total"]) == ("EUR", {"money_in": 5000.0, "money_out": 420.5, "count": 4})
    assert euros["previous"] == {"money_in": 0.0, "money_out": 0.0, "count": 0}
    assert euros["change_out"] == 420.5
    assert [(one["category"], one["money_out"]) for one in euros["by_category"]] == [
        ("entertainment", 20.5),
        ("housing", 400.0),
        ("other", 0.0),
    ]
    assert [one["description"] for one in euros["largest"]] == ["Rent November", "Rent October", "Concert tickets"]
    assert sum(month["money_out"] for month in euros["by_month"]) == 420.5
    later = {"from": until.isoformat(), "to": (until + (until - since)).isoformat()}
    (euros,) = (await _list(teller, world.mine, "/analytics", **later))["data"]
    assert (euros["total"]["money_out"], euros["previous"]["money_out"]) == (0.0, 420.5)
    assert euros["change_out"] == -420.5
    backwards = await teller.client.get(
        f"{URL}/analytics", params={"from": until.isoformat(), "to": since.isoformat()}, headers=world.mine
    )
    is_refusal(backwards, 400, "refused")


async def test_staff_sees_all_transactions_and_those_of_an_account(teller: Teller, world: World) -> None:
    auditor = await signed_in(teller.app, teller.owner, await add_officer(teller.owner, "auditor"))
    assert (await _list(teller, auditor))["total"] == 5
    first = await _list(teller, auditor, limit=2)
    rest = await _list(teller, auditor, limit=100, cursor=first["next_cursor"])
    assert len({one["id"] for one in first["data"] + rest["data"]}) == 5
    assert (await _list(teller, auditor, account=world.friend))["total"] == 3
    assert _texts(await _list(teller, auditor, "/search", q="concert", account=world.friend)) == ["Concert tickets"]
    legs = (await _list(teller, auditor, f"/{world.paid['own']}"))["postings"]
    assert len(legs) == 2
    officer = await signed_in(teller.app, teller.owner, await add_officer(teller.owner))
    is_refusal(await teller.client.get(URL, headers=officer), 403, "permission_missing")


async def test_a_reversed_transaction_says_so(teller: Teller, world: World, worker_engine: AsyncEngine) -> None:
    original = UUID(world.paid["Rent October"])
    back = entry(world.friend, world.checking, 100_00, kind="reversal", reversal_of=original)
    async with transaction(worker_engine) as session:
        await post_one(session, back)
    assert (await _list(teller, world.mine, f"/{original}"))["status"] == "reversed"
    assert [one["id"] for one in (await _list(teller, world.mine, status="reversed"))["data"]] == [str(original)]
    assert str(original) not in {one["id"] for one in (await _list(teller, world.mine, status="completed"))["data"]}
