"""All transactions, for staff: what is found, page by page, who may look, and that it is known who did."""

from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.factories.auth import signed_in
from tests.factories.teller import Teller
from tests.factories.users import Person, add_officer
from tests.factories.wire_desk import is_refusal

ALL = "/api/v1/admin/transactions"


class Office(Teller):
    """The counter, and somebody of operations who looks."""

    headers: dict[str, str]

    async def look(self, path: str = "", **query: Any) -> Any:
        """What operations read."""
        person = await add_officer(self.owner, "operations")
        answered = await self.client.get(
            ALL + path, params=query, headers=await signed_in(self.app, self.owner, person)
        )
        assert answered.status_code == 200, answered.text
        return answered.json()

    async def pair(self, *amounts: int) -> tuple[Person, str, list[str]]:
        """A customer who has paid another one such amounts: who, their account, the transactions, the oldest first."""
        me, mine = await self.customer(tier="premium", first_name="Ada", last_name="Quill")
        friend, _ = await self.customer()
        source, target = await self.account(me, 100_000), await self.account(friend)
        number = await self.number(target)
        ids = []
        for amount in amounts:
            done = await self.transfer(
                mine, source, to_account_number=number, amount=amount, description=f"Rent {amount}"
            )
            assert done.status_code == 201, done.text
            ids.append(done.json()["id"])
        return me, str(source), ids


@pytest.fixture
def office(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine) -> Office:
    return Office(app, client, owner_engine)


async def test_transactions_are_found_by_account_customer_amount_and_words(office: Office) -> None:
    me, source, ids = await office.pair(10, 20, 30)
    await office.pair(20)
    number = await office.number(source)  # type: ignore[arg-type] # a text does as well
    transfers: dict[str, Any] = {"type": "transfer"}

    async def found(**query: Any) -> list[str]:
        return [one["id"] for one in (await office.look(**transfers, **query))["data"]]

    spaced = f"{number[:4]} {number[4:8]} {number[8:]}"
    for query in ({"account": source}, {"account": number}, {"account": spaced}, {"customer": str(me.id)}):
        assert await found(**query) == ids[::-1], query
    assert await found(account=source, min=20) == ids[:0:-1]
    assert await found(account=source, customer=str(me.id), text="Rent 20") == [ids[1]]
    assert len(await found(min=20, max=20)) == 2
    for query in ({"account": "NL00NONE"}, {"account": str(uuid4())}, {"customer": str(uuid4())}):
        assert await found(**query) == []
    told = (await office.look(account=source, type="transfer"))["data"][0]
    assert (told["payer"]["account_number"], told["payer"]["owner_name"]) == (number, "Ada Quill")
    assert told["payee"]["owner_name"] == "Mira Example"


async def test_pages_follow_a_cursor_and_nothing_is_on_two_of_them(office: Office) -> None:
    _, source, ids = await office.pair(1, 2, 3, 4, 5)
    seen: list[str] = []
    more: dict[str, str] = {}
    while True:
        page = await office.look(account=source, type="transfer", limit=2, **more)
        seen += [one["id"] for one in page["data"]]
        if not page["next_cursor"]:
            break
        more = {"cursor": page["next_cursor"]}
    assert seen == ids[::-1]


async def test_a_search_over_the_bank_looks_a_month_back_unless_told_otherwise(office: Office) -> None:
    _, source, ids = await office.pair(7)
    async with transaction(office.owner) as session:
        await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(
            text("UPDATE transactions SET created_at = now() - interval '40 days' WHERE id = :id"), {"id": ids[0]}
        )
    assert (await office.look(type="transfer"))["data"] == []
    assert (await office.look(type="transfer"))["since"] is not None
    assert [
        one["id"] for one in (await office.look(type="transfer", **{"from": "2020-01-01T00:00:00Z"}))["data"]
    ] == ids
    assert [one["id"] for one in (await office.look(type="transfer", account=source))["data"]] == ids


async def test_words_a_reference_and_an_id_find_it(office: Office) -> None:
    _, _, ids = await office.pair(10, 20)
    reference = (await office.look(f"/{ids[0]}"))["reference_number"]
    for words in (reference, reference[:12], "rent 10", ids[0]):
        assert [one["id"] for one in (await office.look("/find", q=words))["data"]] == [ids[0]], words
    assert [one["id"] for one in (await office.look("/find", q="ren"))["data"]] == ids[::-1]
    for words in ("nothing", "--", "'", str(uuid4())):
        assert (await office.look("/find", q=words))["data"] == []


async def test_one_is_read_with_all_its_legs(office: Office) -> None:
    _, source, ids = await office.pair(10)
    told = await office.look(f"/{ids[0]}")
    assert sum(leg["amount"] for leg in told["postings"]) == 0
    assert {one["account_id"] for one in told["accounts"]} >= {source}
    assert told["reversal"] is None


async def test_only_staff_with_the_permission_look_and_it_is_known_who_did(office: Office) -> None:
    me, source, ids = await office.pair(10)
    officer = await add_officer(office.owner)
    for who in (me, officer):
        headers = await signed_in(office.app, office.owner, who)
        for path in ("", f"/{ids[0]}", "/find?q=rent"):
            is_refusal(await office.client.get(ALL + path, headers=headers), 403, "permission_missing")
    await office.look(account=source, min=5)
    await office.look(f"/{ids[0]}")
    async with transaction(office.owner) as session:
        lines = (
            await session.execute(
                text(
                    "SELECT action, resource_id, new_values ->> 'search' AS search FROM audit_logs"
                    " WHERE action LIKE '%transaction%' AND actor_role = 'admin' AND outcome = 'done' ORDER BY id"
                )
            )
        ).all()
    assert [(line.action.rsplit(".", 1)[1], line.resource_id) for line in lines] == [
        ("list_all_transactions", source),
        ("read_any_transaction", ids[0]),
    ]
    assert "min" in lines[0].search
