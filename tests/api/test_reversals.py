"""Officers take transfers back by HTTP: who may, how many, once, and only while the money is there."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.reversals import needs_second_officer
from models.tables import ledger_proofs
from models.tables.transactions import reversals
from tests.factories import accounts as make
from tests.factories.auth import signed_in
from tests.factories.teller import Teller
from tests.factories.users import Person, add_officer
from tests.factories.wire_desk import is_refusal

LARGE = 10_000


class Desk(Teller):
    """The counter, with officers who may take transfers back."""

    async def officer(self) -> tuple[Person, dict[str, str]]:
        person = await add_officer(self.owner, "super_admin")
        return person, await signed_in(self.app, self.owner, person)

    async def paid(self, amount: int) -> tuple[UUID, UUID, str, dict[str, str]]:
        """Somebody who has paid somebody else: both accounts, the transaction, and the payee."""
        me, mine = await self.customer(tier="premium")
        friend, theirs = await self.customer()
        source, target = await self.account(me, amount * 100), await self.account(friend)
        done = await self.transfer(mine, source, to_account_number=await self.number(target), amount=amount)
        assert done.status_code == 201, done.text
        return source, target, done.json()["id"], theirs

    async def ask(self, headers: dict[str, str], transaction_id: str, reason: str = "paid twice") -> httpx.Response:
        url = f"/api/v1/transactions/{transaction_id}/reversal"
        return await self.client.post(url, json={"reason": reason}, headers=headers)

    async def read(self, headers: dict[str, str], transaction_id: str) -> dict[str, Any]:
        told = await self.client.get(f"/api/v1/transactions/{transaction_id}/reversal", headers=headers)
        assert told.status_code == 200, told.text
        return dict(told.json())

    async def started(self) -> list[str]:
        """The processes that were asked for."""
        async with transaction(self.owner) as session:
            rows = await session.execute(text("SELECT workflow_id FROM outbox WHERE workflow = 'reversal' ORDER BY id"))
            return list(rows.scalars())


@pytest.fixture
def desk(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine) -> Desk:
    return Desk(app, client, owner_engine)


async def _carry_out(worker: AsyncEngine, reversal_id: str) -> None:
    async with transaction(worker) as session:
        await reversals.carry_out(session, UUID(reversal_id))


async def test_an_officer_takes_a_transfer_back_once(desk: Desk, worker_engine: AsyncEngine) -> None:
    source, target, wrong, payee = await desk.paid(250)
    _, officer = await desk.officer()
    asked = await desk.ask(officer, wrong)
    assert (asked.status_code, asked.json()["status"]) == (202, "approved"), asked.text
    assert await desk.balance(target) == 250_00
    for _ in range(2):
        await _carry_out(worker_engine, asked.json()["id"])
    done = await desk.read(officer, wrong)
    assert done["status"] == "done"
    assert (await desk.balance(source), await desk.balance(target)) == (250_00, 0)
    seen = (await desk.client.get(f"/api/v1/transactions/{wrong}", headers=payee)).json()
    assert seen["status"] == "reversed"
    # Again it is refused, and a reversal is not taken back itself.
    is_refusal(await desk.ask(officer, wrong), 409, "wrong_state")
    is_refusal(await desk.ask(officer, done["reversal_id"]), 409, "wrong_state")
    async with transaction(desk.owner) as session:
        letters = await session.execute(
            text("SELECT count(*) FROM notifications WHERE event = 'transactions.reversed'")
        )
        assert letters.scalar_one() == 2
        told = await session.execute(text("SELECT new_values FROM audit_logs WHERE action = 'transactions.reverse'"))
        assert told.scalar_one()["reason"] == "paid twice"
    assert await desk.breaches() == []


async def test_officers_at_once_reverse_once(desk: Desk, worker_engine: AsyncEngine) -> None:
    source, _, wrong, _ = await desk.paid(10)
    officers = [(await desk.officer())[1] for _ in range(4)]
    answers = await asyncio.gather(*(desk.ask(headers, wrong) for headers in officers))
    assert {answer.status_code for answer in answers} == {202}
    (reversal_id,) = {answer.json()["id"] for answer in answers}
    assert await desk.started() == [f"reversal/{reversal_id}"]
    await asyncio.gather(*(_carry_out(worker_engine, reversal_id) for _ in range(4)))
    assert await desk.balance(source) == 10_00


async def test_a_large_one_takes_two_officers(desk: Desk, worker_engine: AsyncEngine) -> None:
    source, _, wrong, _ = await desk.paid(LARGE)
    (first, one), (second, two) = await desk.officer(), await desk.officer()
    for _ in range(2):  # asking again is no confirmation
        assert (await desk.ask(one, wrong)).json()["status"] == "awaiting_confirmation"
    assert await desk.started() == []
    confirmed = (await desk.ask(two, wrong, "confirmed")).json()
    assert (confirmed["status"], confirmed["asked_by"], confirmed["confirmed_by"]) == (
        "approved",
        str(first.id),
        str(second.id),
    )
    await _carry_out(worker_engine, confirmed["id"])
    assert await desk.balance(source) == LARGE * 100


async def test_who_asks_at_once_for_a_large_one_has_asked_and_confirmed(desk: Desk) -> None:
    _, _, wrong, _ = await desk.paid(LARGE)
    officers = [(await desk.officer())[1] for _ in range(3)]
    await asyncio.gather(*(desk.ask(headers, wrong) for headers in officers))
    assert (await desk.read(officers[0], wrong))["status"] == "approved"
    assert len(await desk.started()) == 1


async def test_a_row_that_says_approved_is_looked_at_again(desk: Desk, worker_engine: AsyncEngine) -> None:
    """Whoever wrote it: for a large transaction the process wants two names."""
    _, target, wrong, _ = await desk.paid(LARGE)
    officer, headers = await desk.officer()
    async with transaction(desk.owner) as session:
        made = await session.execute(
            text(
                "INSERT INTO transaction_reversals (transaction_id, status, reason, asked_by)"
                " VALUES (:id, 'approved', 'r', :officer) RETURNING id"
            ),
            {"id": wrong, "officer": officer.id},
        )
        reversal_id = str(made.scalar_one())
    await _carry_out(worker_engine, reversal_id)
    told = await desk.read(headers, wrong)
    assert (told["status"], told["refusal_code"]) == ("refused", "four_eyes")
    assert await desk.balance(target) == LARGE * 100


async def test_what_is_gone_is_not_taken_and_may_be_asked_for_again(desk: Desk, worker_engine: AsyncEngine) -> None:
    source, target, wrong, payee = await desk.paid(100)
    spent = await desk.transfer(payee, target, to_account_number=await desk.number(source), amount=1)
    assert spent.status_code == 201
    _, officer = await desk.officer()
    asked = (await desk.ask(officer, wrong)).json()
    await _carry_out(worker_engine, asked["id"])
    told = await desk.read(officer, wrong)
    assert (told["status"], told["refusal_code"]) == ("refused", "insufficient_funds")
    assert "no longer" in told["refusal"]
    assert (await desk.balance(source), await desk.balance(target)) == (1_00, 99_00)
    again = (await desk.ask(officer, wrong)).json()
    assert (again["status"], again["id"] != asked["id"]) == ("approved", True)


async def test_only_officers_and_none_of_their_own(desk: Desk) -> None:
    _, _, wrong, payee = await desk.paid(10)
    is_refusal(await desk.ask(payee, wrong), 403, "permission_missing")
    auditor = await signed_in(desk.app, desk.owner, await add_officer(desk.owner, "auditor"))
    is_refusal(await desk.ask(auditor, wrong), 403, "permission_missing")
    person, officer = await desk.officer()
    is_refusal(await desk.ask(officer, str(uuid4())), 404, "not_found")
    is_refusal(await desk.ask(officer, wrong, " "), 422, "invalid_request")
    async with transaction(desk.owner) as session:
        own = await make.account(session, person.id)
    me, mine = await desk.customer()
    fund = await desk.account(me, 10_00)
    paid = (await desk.transfer(mine, fund, to_account_number=await desk.number(own), amount=5)).json()
    is_refusal(await desk.ask(officer, paid["id"]), 403, "four_eyes")
    assert await desk.started() == []


async def test_the_api_s_role_posts_no_reversal_and_confirms_none_of_its_own(
    desk: Desk, api_engine: AsyncEngine
) -> None:
    _, _, wrong, _ = await desk.paid(LARGE)
    person, officer = await desk.officer()
    await desk.ask(officer, wrong)
    for statement in (
        "UPDATE transaction_reversals SET status = 'approved', confirmed_by = asked_by",
        "UPDATE transaction_reversals SET status = 'done'",
        "UPDATE transaction_reversals SET reversal_id = transaction_id",
        "DELETE FROM transaction_reversals",
    ):
        try:
            async with transaction(api_engine, person.principal) as session:
                changed = await session.execute(text(statement))
                assert changed.rowcount == 0  # type: ignore[attr-defined] # an UPDATE gives a cursor
        except DBAPIError as error:
            # Of a right, of the guard, or of the constraint: whoever may withdraw their own does not confirm it.
            assert getattr(error.orig, "sqlstate", "") in ("42501", "AU140", "23514")  # noqa: PT017 # all refuse
    assert (await desk.read(officer, wrong))["status"] == "awaiting_confirmation"


async def test_a_reversal_waits_while_the_ledger_is_frozen(desk: Desk, worker_engine: AsyncEngine) -> None:
    source, _, wrong, _ = await desk.paid(10)
    _, officer = await desk.officer()
    asked = (await desk.ask(officer, wrong)).json()
    async with transaction(desk.owner) as session:
        await session.execute(text("INSERT INTO ledger_freezes (reason) VALUES ('a test')"))
    with pytest.raises(Exception, match="books nothing"):
        await _carry_out(worker_engine, asked["id"])
    assert (await desk.read(officer, wrong))["status"] == "approved"
    async with transaction(desk.owner) as session:
        await ledger_proofs.unfreeze(session, "a test", "olga")
    await _carry_out(worker_engine, asked["id"])
    assert await desk.balance(source) == 10_00


def test_how_large_is_large_depends_on_the_currency() -> None:
    assert [needs_second_officer(minor, "EUR") for minor in (9_999_99, 10_000_00)] == [False, True]
    assert [needs_second_officer(minor, "JPY") for minor in (1_499_999, 1_500_000)] == [False, True]
    assert [needs_second_officer(minor, "KWD") for minor in (2_999_999, 3_000_000)] == [False, True]


async def test_whoever_asked_withdraws_it_and_nobody_else(desk: Desk, worker_engine: AsyncEngine) -> None:
    _, target, wrong, _ = await desk.paid(LARGE)
    (_, first), (_, second) = await desk.officer(), await desk.officer()
    url = f"/api/v1/transactions/{wrong}/reversal"
    is_refusal(await desk.client.delete(url, headers=first), 404, "not_found")
    asked = (await desk.ask(first, wrong)).json()
    listed = await desk.client.get("/api/v1/admin/reversals", headers=second)
    assert [one["id"] for one in listed.json()["data"]] == [asked["id"]]
    is_refusal(await desk.client.delete(url, headers=second), 403, "four_eyes")
    for _ in range(2):
        withdrawn = await desk.client.delete(url, headers=first)
        assert (withdrawn.status_code, withdrawn.json()["status"]) == (200, "withdrawn")
    assert (await desk.client.get("/api/v1/admin/reversals", headers=second)).json()["total"] == 0
    await _carry_out(worker_engine, asked["id"])
    assert await desk.balance(target) == LARGE * 100
    # It may be asked for again, and is another one then.
    again = (await desk.ask(second, wrong)).json()
    assert (again["status"], again["id"] != asked["id"]) == ("awaiting_confirmation", True)
    confirmed = await desk.ask(first, wrong)
    assert confirmed.json()["status"] == "approved"
    is_refusal(await desk.client.delete(url, headers=second), 409, "wrong_state")


async def test_a_reversal_is_confirmed_or_withdrawn_and_never_both(desk: Desk) -> None:
    for _ in range(5):
        _, _, wrong, _ = await desk.paid(LARGE)
        (_, first), (_, second) = await desk.officer(), await desk.officer()
        before = len(await desk.started())
        await desk.ask(first, wrong)
        await asyncio.gather(
            desk.client.delete(f"/api/v1/transactions/{wrong}/reversal", headers=first), desk.ask(second, wrong)
        )
        standing = (await desk.read(first, wrong))["status"]
        # Withdrawn first, the second officer's request is one of their own, and waits.
        assert standing in {"approved", "awaiting_confirmation", "withdrawn"}
        assert len(await desk.started()) - before == (standing == "approved")
