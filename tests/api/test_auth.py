"""Signing in and out: from the first registration to the last session."""

import asyncio
from typing import Any

import bcrypt
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.auth import CUSTOMER_PERMISSIONS
from tests.factories.auth import bearer, mailed_secret, sign_in, signed_in
from tests.factories.users import PASSWORD, add_customer, add_officer, quick_hash

AUTH = "/api/v1/auth"
NEWCOMER = {"email": "Mira@People.Example", "password": PASSWORD, "first_name": "Mira", "last_name": "Example"}


async def _rows(engine: AsyncEngine, query: str, **values: Any) -> list[Any]:
    async with transaction(engine) as session:
        return list((await session.execute(text(query), values)).mappings())


async def test_a_newcomer_registers_confirms_and_signs_in(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    registered = await client.post(f"{AUTH}/register", json=NEWCOMER)
    assert registered.status_code == 201
    assert registered.json()["success"] is True
    early = await client.post(f"{AUTH}/login", json={"email": NEWCOMER["email"], "password": PASSWORD})
    assert (early.status_code, early.json()["code"]) == (403, "email_not_verified")

    token = await mailed_secret(owner_engine, "verify_email")
    confirmed = await client.post(f"{AUTH}/verify-email", json={"token": token})
    assert confirmed.status_code == 200, confirmed.text
    person = confirmed.json()["data"]["user"]
    assert person["email"] == "Mira@people.example"
    assert (person["role"], person["tier"], person["kyc_status"]) == ("customer", "standard", "not_started")
    assert set(person["permissions"]) == CUSTOMER_PERMISSIONS
    again = await client.post(f"{AUTH}/verify-email", json={"token": token})
    assert (again.status_code, again.json()["code"]) == (401, "bad_token")

    entered = await client.post(f"{AUTH}/login", json={"email": "mira@PEOPLE.example", "password": PASSWORD})
    assert entered.status_code == 200, entered.text
    tokens = entered.json()["data"]["tokens"]
    assert tokens["expiresIn"] == "15m"
    me = await client.get("/api/v1/users/me", headers=bearer(tokens["accessToken"]))
    assert me.json() == entered.json()["data"]["user"]


async def test_the_link_of_the_mail_opens_a_page_that_uses_nothing_up(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    await client.post(f"{AUTH}/register", json=NEWCOMER)
    token = await mailed_secret(owner_engine, "verify_email")
    page = await client.get(f"{AUTH}/verify-email", params={"token": token})
    assert page.headers["Content-Type"].startswith("text/html")
    assert token not in page.text
    assert "script-src 'nonce-" in page.headers["Content-Security-Policy"]
    assert (await client.post(f"{AUTH}/verify-email", json={"token": token})).status_code == 200


async def test_registration_asks_for_a_mail_by_a_durable_process(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    await client.post(f"{AUTH}/register", json=NEWCOMER)
    (mail,) = await _rows(owner_engine, "SELECT id, user_id, key FROM notifications")
    assert str(mail["key"]).startswith(f"verify_email/{mail['user_id']}/")
    (row,) = await _rows(owner_engine, "SELECT workflow, workflow_id, argument FROM outbox")
    assert row["workflow_id"] == f"notification/{mail['id']}"
    assert row["argument"] == {"notification_id": str(mail["id"])}


async def test_registering_twice_answers_the_same_and_tells_only_by_mail(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    known = await add_customer(owner_engine)
    body = {**NEWCOMER, "email": known.email}
    first, second = [await client.post(f"{AUTH}/register", json=one) for one in (NEWCOMER, body)]
    answers = [answer.text.replace(one["email"], "").casefold() for answer, one in ((first, NEWCOMER), (second, body))]
    assert first.status_code == second.status_code == 201
    assert answers[0].replace("mira@people.example", "") == answers[1]
    (mail,) = await _rows(owner_engine, "SELECT user_id FROM notifications WHERE event = 'already_registered'")
    assert mail["user_id"] == known.id
    (person,) = await _rows(owner_engine, "SELECT first_name, password_hash FROM users WHERE id = :id", id=known.id)
    assert person["password_hash"] == quick_hash(PASSWORD)


async def test_registering_at_the_same_moment_makes_one_person(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    answers = await asyncio.gather(*(client.post(f"{AUTH}/register", json=NEWCOMER) for _ in range(6)))
    assert {answer.status_code for answer in answers} == {201}
    assert len(await _rows(owner_engine, "SELECT id FROM users")) == 1


@pytest.mark.parametrize(
    "password", ["short-words", "x" * 129, "passwordpassword", "Password1234", "qwertyuiop123", "aaaaaaaaaaaaaa"]
)
async def test_a_weak_password_is_refused(client: AsyncClient, password: str) -> None:
    refused = await client.post(f"{AUTH}/register", json={**NEWCOMER, "password": password})
    assert (refused.status_code, refused.json()["code"]) == (400, "weak_password")
    assert password not in refused.text


async def test_a_wrong_password_and_an_unknown_address_are_the_same_answer(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    wrong = await client.post(f"{AUTH}/login", json={"email": person.email, "password": "not the password"})
    unknown = await client.post(f"{AUTH}/login", json={"email": "nobody@people.example", "password": PASSWORD})
    assert wrong.status_code == unknown.status_code == 401
    told = [{**answer.json(), "request_id": None} for answer in (wrong, unknown)]
    assert told[0] == told[1]


async def test_a_bcrypt_hash_of_the_older_system_signs_in_and_is_upgraded(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    long_password = "é" * 50 + " longer than bcrypt reads"
    old = bcrypt.hashpw(long_password.encode()[:72], bcrypt.gensalt(4)).decode()
    person = await add_customer(owner_engine, password_hash=old)
    for _ in range(2):
        entered = await client.post(f"{AUTH}/login", json={"email": person.email, "password": long_password})
        assert entered.status_code == 200
    (row,) = await _rows(owner_engine, "SELECT password_hash FROM users WHERE id = :id", id=person.id)
    assert row["password_hash"].startswith("$argon2id$")


async def test_staff_are_given_the_rights_of_their_preset(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    data = await sign_in(client, await add_officer(owner_engine, "senior_compliance_officer"))
    assert data["user"]["role"] == "admin"
    assert data["user"]["permissions"] == ["admin:compliance", "wires:approve", "wires:high_value", "wires:read"]


async def test_a_refreshed_session_goes_on_and_the_tokens_change(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    tokens = (await sign_in(client, await add_customer(owner_engine)))["tokens"]
    refreshed = await client.post(f"{AUTH}/refresh", json={"refreshToken": tokens["refreshToken"]})
    following = refreshed.json()["data"]["tokens"]
    assert following["refreshToken"] != tokens["refreshToken"]
    assert (await client.get("/api/v1/users/me", headers=bearer(following["accessToken"]))).status_code == 200


async def test_twenty_refreshes_at_once_leave_one_chain_and_nobody_logged_out(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    tokens = (await sign_in(client, await add_customer(owner_engine)))["tokens"]
    order = {"refreshToken": tokens["refreshToken"]}
    answers = await asyncio.gather(*(client.post(f"{AUTH}/refresh", json=order) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    pairs = [answer.json()["data"]["tokens"] for answer in answers]
    assert len({pair["refreshToken"] for pair in pairs}) == 1
    assert len({pair["accessToken"] for pair in pairs}) == 20
    chain = await _rows(owner_engine, "SELECT used_at FROM refresh_tokens")
    assert [row["used_at"] is None for row in chain].count(True) == 1
    assert len(chain) == 2
    for pair in pairs:
        assert (await client.get("/api/v1/users/me", headers=bearer(pair["accessToken"]))).status_code == 200
    assert (await client.post(f"{AUTH}/refresh", json={"refreshToken": pairs[0]["refreshToken"]})).status_code == 200


async def test_a_refresh_token_used_again_after_the_grace_ends_its_session(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    tokens = (await sign_in(client, await add_customer(owner_engine)))["tokens"]
    order = {"refreshToken": tokens["refreshToken"]}
    following = (await client.post(f"{AUTH}/refresh", json=order)).json()["data"]["tokens"]
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE refresh_tokens SET used_at = used_at - interval '21 seconds'"))
    stolen = await client.post(f"{AUTH}/refresh", json=order)
    assert (stolen.status_code, stolen.json()["code"]) == (401, "bad_token")
    for refused in (
        await client.get("/api/v1/users/me", headers=bearer(following["accessToken"])),
        await client.post(f"{AUTH}/refresh", json={"refreshToken": following["refreshToken"]}),
    ):
        assert refused.status_code == 401
    (row,) = await _rows(owner_engine, "SELECT revoked_reason FROM sessions")
    assert row["revoked_reason"] == "refresh_token_reused"
    line, _ = await _rows(
        owner_engine, "SELECT outcome, code, new_values FROM audit_logs WHERE outcome <> 'done' ORDER BY id"
    )
    assert (line["outcome"], line["code"]) == ("refused", "bad_token")
    assert line["new_values"] == {"revoked": "refresh_token_reused"}


async def test_an_expired_refresh_token_is_refused_and_harms_nobody(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    tokens = (await sign_in(client, await add_customer(owner_engine)))["tokens"]
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE refresh_tokens SET expires_at = now()"))
    refused = await client.post(f"{AUTH}/refresh", json={"refreshToken": tokens["refreshToken"]})
    assert (refused.status_code, refused.json()["code"]) == (401, "bad_token")
    assert (await client.get("/api/v1/users/me", headers=bearer(tokens["accessToken"]))).status_code == 200


async def test_logging_out_ends_this_session_at_once_and_no_other(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    here, there = [(await sign_in(client, person))["tokens"] for _ in range(2)]
    left = await client.post(f"{AUTH}/logout", headers=bearer(here["accessToken"]))
    assert left.json() == {"success": True, "data": {"sessions_ended": 1}}
    gone = await client.get("/api/v1/users/me", headers=bearer(here["accessToken"]))
    assert (gone.status_code, gone.json()["code"]) == (401, "bad_token")
    assert (await client.post(f"{AUTH}/refresh", json={"refreshToken": here["refreshToken"]})).status_code == 401
    assert (await client.get("/api/v1/users/me", headers=bearer(there["accessToken"]))).status_code == 200


async def test_logging_out_everywhere_ends_every_session(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    person, other = await add_customer(owner_engine), await add_customer(owner_engine)
    sessions = [(await sign_in(client, person))["tokens"]["accessToken"] for _ in range(3)]
    bystander = (await sign_in(client, other))["tokens"]["accessToken"]
    left = await client.post(f"{AUTH}/logout", json={"all": True}, headers=bearer(sessions[0]))
    assert left.json()["data"]["sessions_ended"] == 3
    answers = [await client.get("/api/v1/users/me", headers=bearer(token)) for token in [*sessions, bystander]]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 200]


async def test_a_profile_changes_by_either_name_and_keeps_what_is_not_named(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    change = {"phone": "+31 20 123 4567", "address": {"town": "Utrecht", "country": "NL"}}
    changed = await client.put("/api/v1/users/me", json=change, headers=me)
    assert changed.status_code == 200, changed.text
    assert (changed.json()["phone"], changed.json()["first_name"]) == ("+31201234567", "Mira")
    renamed = await client.put(
        f"{AUTH}/profile", json={"first_name": "Myra", "date_of_birth": "1988-02-29"}, headers=me
    )
    profile = (await client.get(f"{AUTH}/profile", headers=me)).json()
    assert renamed.json() == profile
    assert (profile["first_name"], profile["phone"], profile["date_of_birth"]) == ("Myra", "+31201234567", "1988-02-29")
    assert profile["address"]["town"] == "Utrecht"


async def test_nobody_raises_their_own_rights(client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine) -> None:
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    for field, value in (("role", "admin"), ("tier", "private"), ("kyc_status", "approved"), ("permissions", ["x"])):
        refused = await client.put("/api/v1/users/me", json={field: value}, headers=me)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    asked = await client.post(f"{AUTH}/register", json={**NEWCOMER, "role": "super_admin"})
    assert asked.status_code == 422
