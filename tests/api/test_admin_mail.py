"""Letters that did not leave: seen by operations, sent again once for each time somebody says so, or left."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.notifications import HIDDEN
from models.tables.notifications import tell
from tests.factories.auth import signed_in
from tests.factories.users import Person, add_customer, add_officer

MAIL = "/api/v1/admin/mail"
WHY = {"reason": "The address was corrected"}


@pytest.fixture
async def operator(client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine) -> AsyncClient:
    """Somebody of operations at the door."""
    client.headers.update(await signed_in(app, owner_engine, await add_officer(owner_engine, "operations")))
    return client


async def _letter(owner: AsyncEngine, status: str, body: str = "Hello") -> tuple[str, Person]:
    person = await add_customer(owner)
    async with transaction(owner) as session:
        await tell(session, user_id=person.id, key=status, event="wire.completed", subject="News", body=body)
        row = await session.execute(
            text("UPDATE notifications SET status = :status, tries = 1 WHERE user_id = :id RETURNING id"),
            {"status": status, "id": person.id},
        )
        letter_id = str(row.scalar_one())
        await session.execute(text("DELETE FROM outbox"))
    return letter_id, person


async def _processes(owner: AsyncEngine) -> list[str]:
    async with transaction(owner) as session:
        return list((await session.execute(text("SELECT workflow_id FROM outbox ORDER BY id"))).scalars())


async def _act(client: AsyncClient, letter_id: str, act: str, body: dict[str, Any] = WHY) -> Response:
    return await client.post(f"{MAIL}/{letter_id}/{act}", json=body)


async def test_letters_are_listed_by_state_and_read_on_the_record(
    operator: AsyncClient, owner_engine: AsyncEngine
) -> None:
    failed, person = await _letter(owner_engine, "failed")
    await _letter(owner_engine, "uncertain")
    page = (await operator.get(MAIL, params={"status": ["failed"]})).json()
    assert [line["id"] for line in page["data"]] == [failed]
    assert (await operator.get(MAIL)).json()["total"] == 2
    assert (await operator.get(MAIL, params={"user_id": str(person.id)})).json()["total"] == 1
    assert (await operator.get(f"{MAIL}/{failed}")).json()["body"] == "Hello"
    async with transaction(owner_engine) as session:
        rows = await session.execute(text("SELECT action, resource_id FROM audit_logs"))
        assert [tuple(row) for row in rows] == [("admin.read_mail", failed)]


@pytest.mark.parametrize("status", ["failed", "uncertain"])
async def test_what_did_not_leave_is_sent_again_by_one_process(
    operator: AsyncClient, owner_engine: AsyncEngine, status: str
) -> None:
    letter_id, _ = await _letter(owner_engine, status)
    answers = await asyncio.gather(*(_act(operator, letter_id, "resend") for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert await _processes(owner_engine) == [f"notification/{letter_id}/again/1"]
    assert (await operator.get(f"{MAIL}/{letter_id}")).json()["status"] == "waiting"


async def test_what_nobody_needs_is_left_and_stays_so(operator: AsyncClient, owner_engine: AsyncEngine) -> None:
    letter_id, _ = await _letter(owner_engine, "uncertain")
    left = (await _act(operator, letter_id, "dismiss", {"reason": "It has arrived"})).json()
    assert (left["status"], left["reason"]) == ("dismissed", "It has arrived")
    assert (await _act(operator, letter_id, "resend")).status_code == 409
    assert await _processes(owner_engine) == []


@pytest.mark.parametrize("status", ["waiting", "sending", "sent"])
async def test_what_leaves_or_has_left_is_not_touched(
    operator: AsyncClient, owner_engine: AsyncEngine, status: str
) -> None:
    person = await add_customer(owner_engine)
    async with transaction(owner_engine) as session:
        await tell(session, user_id=person.id, key="k", event="e", subject="s", body="b")
        row = await session.execute(
            text(
                "UPDATE notifications SET status = :status, sent_at = CASE WHEN :status = 'sent' THEN now() END"
                " RETURNING id"
            ),
            {"status": status},
        )
        letter_id = str(row.scalar_one())
    for act in ("resend", "dismiss"):
        assert (await _act(operator, letter_id, act)).json()["code"] == "wrong_state"


async def test_a_letter_whose_secret_is_gone_is_not_sent_without_it(
    operator: AsyncClient, owner_engine: AsyncEngine
) -> None:
    letter_id, _ = await _letter(owner_engine, "failed", f"Your link: {HIDDEN}")
    refused = await _act(operator, letter_id, "resend")
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong_state")
    assert (await _act(operator, letter_id, "dismiss")).status_code == 200


async def test_letters_are_for_operations(client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine) -> None:
    letter_id, owner = await _letter(owner_engine, "failed")
    for person in (owner, await add_officer(owner_engine), await add_officer(owner_engine, "auditor")):
        headers = await signed_in(app, owner_engine, person)
        for answered in (
            await client.get(MAIL, headers=headers),
            await client.get(f"{MAIL}/{letter_id}", headers=headers),
            await client.post(f"{MAIL}/{letter_id}/resend", json=WHY, headers=headers),
        ):
            assert answered.json()["code"] == "permission_missing"
