"""What SendGrid tells of our mail: believed when it is signed and fresh, counted once, and what follows from it."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.main import create_app
from api.routing import BODY_LIMIT
from infra.database import transaction
from infra.settings import Settings
from tests.databases import Database
from tests.factories import wishes
from tests.factories.auth import mailed_secret, signed_in
from tests.factories.mail_events import SIGNATURE, TIMESTAMP, WEBHOOK, signed, told, webhook_key
from tests.factories.users import Person, add_customer, add_officer

SUPPRESSED = "/api/v1/admin/mail-suppressions"


@pytest.fixture(scope="module")
async def _listening(api_settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(api_settings.model_copy(update={"sendgrid_webhook_key": webhook_key()}))
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture
def listening(_listening: FastAPI, database: Database) -> FastAPI:
    """The application, which knows SendGrid's key, over an empty database."""
    return _listening


@pytest.fixture
async def door(listening: FastAPI) -> AsyncIterator[AsyncClient]:
    """Somebody who speaks HTTP with it."""
    transport = httpx.ASGITransport(app=listening)
    async with httpx.AsyncClient(transport=transport, base_url="http://aurum.test") as spoken:
        yield spoken


async def _letter(owner: AsyncEngine, event: str = "wire.completed") -> tuple[UUID, Person]:
    person = await add_customer(owner)
    letter = await wishes.told(owner, person.id, f"About {person.id}", event)
    async with transaction(owner) as session:
        await session.execute(text("UPDATE notifications SET status = 'sent', sent_at = now()"))
    return letter, person


async def _row(owner: AsyncEngine, letter: UUID) -> Any:
    async with transaction(owner) as session:
        return (await session.execute(text("SELECT * FROM notifications WHERE id = :id"), {"id": letter})).one()


async def _suppressed(owner: AsyncEngine) -> list[tuple[str, str]]:
    async with transaction(owner) as session:
        rows = await session.execute(
            text("SELECT address, reason FROM mail_suppressions WHERE lifted_at IS NULL ORDER BY id")
        )
        return [(row.address, row.reason) for row in rows]


async def _events(owner: AsyncEngine) -> list[str]:
    async with transaction(owner) as session:
        return list((await session.execute(text("SELECT event FROM mail_events ORDER BY event"))).scalars())


async def test_a_delivery_is_noted_once_however_often_it_is_told(door: AsyncClient, owner_engine: AsyncEngine) -> None:
    letter, person = await _letter(owner_engine)
    request = signed([told("processed", person.email, letter), told("delivered", person.email, letter)])
    answers = await asyncio.gather(*(door.post(WEBHOOK, **request) for _ in range(4)))
    assert [answer.status_code for answer in answers] == [204] * 4
    row = await _row(owner_engine, letter)
    assert (row.status, row.delivered_at is not None) == ("sent", True)
    assert await _events(owner_engine) == ["delivered"]


async def test_a_hard_bounce_stops_mail_and_what_is_needed_becomes_a_task(
    door: AsyncClient, listening: FastAPI, owner_engine: AsyncEngine
) -> None:
    letter, person = await _letter(owner_engine)
    bounce = told("bounce", person.email.upper(), letter, type="bounce", status="5.1.1", reason="550 No such user")
    request = signed([bounce])
    assert (await door.post(WEBHOOK, **request)).status_code == 204
    row = await _row(owner_engine, letter)
    assert (row.status, row.reason, row.sent_at) == ("failed", "5.1.1 550 No such user", None)
    assert await _suppressed(owner_engine) == [(person.email, "bounce")]
    operator = await signed_in(listening, owner_engine, await add_officer(owner_engine, "operations"))
    line = (await door.get("/api/v1/admin/mail", params={"status": "failed"}, headers=operator)).json()["data"][0]
    assert (line["id"], line["reason"]) == (str(letter), "5.1.1 550 No such user")
    read = (await door.get(f"/api/v1/admin/mail/{letter}", headers=operator)).json()
    assert [(one["event"], one["detail"]) for one in read["happened"]] == [("bounce", "5.1.1 550 No such user")]

    listed = (await door.get(SUPPRESSED, headers=operator)).json()["data"]
    assert [(one["address"], one["reason"]) for one in listed] == [(person.email, "bounce")]
    lift = f"{SUPPRESSED}/{listed[0]['id']}/lift"
    lifted = await door.post(lift, json={"reason": "Their server was mended"}, headers=operator)
    assert (lifted.status_code, lifted.json()["lift_reason"]) == (200, "Their server was mended")
    assert (await door.post(lift, json={"reason": "again"}, headers=operator)).json()["code"] == "wrong_state"
    assert (await door.get(SUPPRESSED, headers=operator)).json()["data"] == []
    assert (await door.get(SUPPRESSED, params={"lifted": True}, headers=operator)).json()["total"] == 1
    # Told again, it stops nothing that was lifted since.
    assert (await door.post(WEBHOOK, **request)).status_code == 204
    assert await _suppressed(owner_engine) == []


@pytest.mark.parametrize(
    ("event", "changes", "status", "stop"),
    [
        ("bounce", {"type": "blocked", "reason": "450 busy"}, "failed", None),
        ("dropped", {"reason": "Bounced Address"}, "failed", "bounce"),
        ("dropped", {"reason": "Invalid"}, "failed", "dropped"),
        ("dropped", {"reason": "Spam Reporting Address"}, "failed", "spam_report"),
        ("dropped", {"reason": "Spam Content (if Spam Checker app is enabled)"}, "failed", None),
        ("spamreport", {}, "sent", "spam_report"),
        ("unsubscribe", {}, "sent", "unsubscribe"),
        ("group_unsubscribe", {"asm_group_id": 1}, "sent", "unsubscribe"),
        ("deferred", {"response": "400 try again later"}, "sent", None),
        ("open", {}, "sent", None),
        ("something_new", {}, "sent", None),
    ],
)
async def test_what_follows_from_an_event(
    door: AsyncClient,
    owner_engine: AsyncEngine,
    event: str,
    changes: dict[str, Any],
    status: str,
    stop: str | None,
) -> None:
    letter, person = await _letter(owner_engine)
    answered = await door.post(WEBHOOK, **signed([told(event, person.email, letter, **changes)]))
    assert answered.status_code == 204, answered.text
    assert (await _row(owner_engine, letter)).status == status
    assert await _suppressed(owner_engine) == ([(person.email, stop)] if stop else [])


async def test_what_can_be_done_without_is_left(door: AsyncClient, owner_engine: AsyncEngine) -> None:
    letter, person = await _letter(owner_engine, "price_alert")
    await door.post(WEBHOOK, **signed([told("bounce", person.email, letter)]))
    assert (await _row(owner_engine, letter)).status == "undeliverable"


async def test_a_bounce_outweighs_an_unsubscription_and_not_the_other_way(
    door: AsyncClient, owner_engine: AsyncEngine
) -> None:
    _, person = await _letter(owner_engine)
    for event, stands in (("unsubscribe", "unsubscribe"), ("bounce", "bounce"), ("unsubscribe", "bounce")):
        await door.post(WEBHOOK, **signed([told(event, person.email)]))
        assert await _suppressed(owner_engine) == [(person.email, stands)]


async def test_an_address_that_is_proved_anew_gets_mail_again(door: AsyncClient, owner_engine: AsyncEngine) -> None:
    _, person = await _letter(owner_engine)
    await door.post(WEBHOOK, **signed([told("spamreport", person.email)]))
    assert (await door.post("/api/v1/auth/forgot-password", json={"email": person.email})).status_code == 202
    token = await mailed_secret(owner_engine, "password_reset")
    new = {"token": token, "password": "another lantern by the harbour"}
    assert (await door.post("/api/v1/auth/reset-password", json=new)).status_code == 200
    assert await _suppressed(owner_engine) == []


@pytest.mark.parametrize(
    "broken",
    [
        {SIGNATURE: ""},
        {SIGNATURE: "bm90IGEgc2lnbmF0dXJl"},
        {SIGNATURE: "ä"},
        {TIMESTAMP: ""},
        {TIMESTAMP: "soon"},
        {TIMESTAMP: "-1"},
        {TIMESTAMP: "1" * 19},
        {TIMESTAMP: "1"},
    ],
    ids=str,
)
async def test_what_is_not_signed_is_refused_in_the_usual_shape(
    door: AsyncClient, owner_engine: AsyncEngine, broken: dict[str, str]
) -> None:
    request = signed([told("bounce", "somebody@people.example")])
    headers = {name: value.encode() for name, value in (request["headers"] | broken).items()}
    refused = await door.post(WEBHOOK, content=request["content"], headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "signature_refused"), refused.text
    assert refused.headers["content-type"] == "application/problem+json"
    assert await _events(owner_engine) == []


async def test_another_key_another_body_and_another_time_are_refused(
    door: AsyncClient, owner_engine: AsyncEngine
) -> None:
    events = [told("bounce", "somebody@people.example")]
    now = time.time()
    foreign = signed(events, key=ec.generate_private_key(ec.SECP256R1()))
    changed = signed(events) | {"content": signed([told("bounce", "other@people.example")])["content"]}
    moved = signed(events, at=now - 400)
    moved["headers"][TIMESTAMP] = str(int(now))
    for request in (foreign, changed, moved, signed(events, at=now - 700), signed(events, at=now + 700)):
        assert (await door.post(WEBHOOK, **request)).status_code == 403
    assert (await door.post(WEBHOOK, **signed(events, at=now - 400))).status_code == 204
    assert await _events(owner_engine) == ["bounce"]


async def test_a_batch_is_taken_for_what_is_good_in_it(door: AsyncClient, owner_engine: AsyncEngine) -> None:
    letter, person = await _letter(owner_engine)
    good = told("delivered", person.email, letter)
    odd: list[Any] = [
        None,
        7,
        "delivered",
        [],
        {},
        told("delivered", person.email, letter, sg_event_id=None),
        told("delivered", person.email, letter, sg_event_id="x" * 300),
        told("delivered", person.email, letter, email=None),
        told("delivered", person.email, letter, timestamp="soon"),
        told("delivered", person.email, letter, timestamp=10**30),
        told("delivered", person.email, letter) | {"event": {"a": 1}},
        told("bounce", person.email, "not an id", reason={"a": 1}),
        told("bounce", person.email, UUID(int=7), reason="nul \x00 byte"),
    ]
    assert (await door.post(WEBHOOK, **signed([*odd, good]))).status_code == 204
    assert await _events(owner_engine) == ["bounce", "bounce", "delivered"]
    assert (await _row(owner_engine, letter)).delivered_at is not None


@pytest.mark.parametrize("body", [b"", b"not json", b"{}", b'"events"', b"\xff", b"[" * 2000])
async def test_a_body_that_is_no_list_is_malformed(door: AsyncClient, body: bytes) -> None:
    assert (await door.post(WEBHOOK, **signed(body))).status_code == 422


async def test_a_body_has_a_largest_size(door: AsyncClient) -> None:
    answered = await door.post(WEBHOOK, **signed(b" " * (BODY_LIMIT + 1)))
    assert (answered.status_code, answered.json()["code"]) == (413, "body_too_large")


async def test_without_a_key_nothing_is_taken(client: AsyncClient) -> None:
    answered = await client.post(WEBHOOK, **signed([]))
    assert (answered.status_code, answered.json()["code"]) == (404, "not_found")


async def test_addresses_are_for_operations(door: AsyncClient, listening: FastAPI, owner_engine: AsyncEngine) -> None:
    _, person = await _letter(owner_engine)
    await door.post(WEBHOOK, **signed([told("bounce", person.email)]))
    async with transaction(owner_engine) as session:
        suppression = (await session.execute(text("SELECT id FROM mail_suppressions"))).scalar_one()
    for somebody in (person, await add_officer(owner_engine), await add_officer(owner_engine, "auditor")):
        headers = await signed_in(listening, owner_engine, somebody)
        for answered in (
            await door.get(SUPPRESSED, headers=headers),
            await door.post(f"{SUPPRESSED}/{suppression}/lift", json={"reason": "mine"}, headers=headers),
        ):
            assert answered.json()["code"] == "permission_missing"
    assert len(await _suppressed(owner_engine)) == 1
