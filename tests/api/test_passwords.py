"""Passwords forgotten, reset and changed, an address changed, and the list of devices."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.factories.auth import age_session, bearer, letters, mailed_secret, sign_in, signed_in
from tests.factories.factors import FACTORS, enrolled
from tests.factories.users import PASSWORD, Person, add_customer

AUTH = "/api/v1/auth"
ME = "/api/v1/users/me"
NEXT = "quiet lantern harbour"


async def _run(engine: AsyncEngine, statement: str, **values: Any) -> list[Any]:
    async with transaction(engine) as session:
        result = await session.execute(text(statement), values)
        return list(result.mappings()) if result.returns_rows else []  # type: ignore[attr-defined]


async def _asked(client: AsyncClient, owner: AsyncEngine, person: Person) -> str:
    asked = await client.post(f"{AUTH}/forgot-password", json={"email": person.email.upper()})
    assert asked.status_code == 202, asked.text
    return await mailed_secret(owner, "password_reset")


async def _login(client: AsyncClient, person: Person, password: str) -> int:
    return (await client.post(f"{AUTH}/login", json={"email": person.email, "password": password})).status_code


async def test_a_forgotten_password_is_set_anew_by_mail_once(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    before = (await sign_in(client, person))["tokens"]
    token = await _asked(client, owner_engine, person)
    kept = str(await _run(owner_engine, "SELECT e.*, n.subject, n.body FROM email_tokens e, notifications n"))
    assert token not in kept
    body = {"token": token, "password": NEXT}
    weak = await client.post(f"{AUTH}/reset-password", json={**body, "password": "short"})
    assert (weak.status_code, weak.json()["code"]) == (400, "weak_password")  # and the token is still good
    done = await client.post(f"{AUTH}/reset-password", json=body)
    assert done.json() == {"success": True, "data": {"password_changed": True, "sessions_ended": 1}}
    assert "accessToken" not in done.text
    assert (await client.get(ME, headers=bearer(before["accessToken"]))).status_code == 401
    old = await client.post(f"{AUTH}/refresh", json={"refreshToken": before["refreshToken"]})
    assert old.status_code == 401
    assert [await _login(client, person, word) for word in (PASSWORD, NEXT)] == [401, 200]
    again = await client.post(f"{AUTH}/reset-password", json=body)
    assert (again.status_code, again.json()["code"]) == (401, "bad_token")
    assert ("password_changed", None) in await letters(owner_engine)


async def test_the_link_of_the_mail_opens_a_page_and_uses_nothing_up(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    token = await _asked(client, owner_engine, await add_customer(owner_engine))
    page = await client.get(f"{AUTH}/reset-password", params={"token": token})
    assert 'type="password"' in page.text
    assert token not in page.text
    assert "script-src 'nonce-" in page.headers["Content-Security-Policy"]
    assert (await client.post(f"{AUTH}/reset-password", json={"token": token, "password": NEXT})).status_code == 200


async def test_one_reset_token_used_many_times_at_once_sets_one_password(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    token = await _asked(client, owner_engine, person)
    words = [f"{NEXT} {number}" for number in range(4)]
    answers = await asyncio.gather(
        *(client.post(f"{AUTH}/reset-password", json={"token": token, "password": word}) for word in words)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]
    set_to = words[[answer.status_code for answer in answers].index(200)]
    assert await _login(client, person, set_to) == 200


async def test_asking_again_spoils_no_mail_and_fills_no_mailbox(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    tokens = [await _asked(client, owner_engine, person) for _ in range(5)]
    assert len(set(tokens)) == 3
    assert len(await letters(owner_engine)) == 3
    answers = [
        await client.post(f"{AUTH}/reset-password", json={"token": token, "password": NEXT}) for token in tokens[:3]
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 401]


async def test_a_mail_is_good_for_half_an_hour(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    last = await _asked(client, owner_engine, await add_customer(owner_engine))
    (row,) = await _run(
        owner_engine, "SELECT extract(epoch FROM expires_at - now()) AS left FROM email_tokens WHERE used_at IS NULL"
    )
    assert 1700 < row["left"] <= 1800
    await _run(owner_engine, "UPDATE email_tokens SET expires_at = now()")
    late = await client.post(f"{AUTH}/reset-password", json={"token": last, "password": NEXT})
    assert (late.status_code, late.json()["code"]) == (401, "bad_token")


async def test_a_reset_does_not_go_round_the_second_factor(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    mine, me = await enrolled(client, app, owner_engine, person)
    token = await _asked(client, owner_engine, person)
    challenge = await mine.challenge(client)
    await client.post(f"{AUTH}/reset-password", json={"token": token, "password": NEXT})
    assert (await client.get(ME, headers=me)).status_code == 401
    entered = await client.post(f"{AUTH}/login", json={"email": person.email, "password": NEXT})
    assert entered.json()["data"].keys() == {"two_factor_required", "challenge"}
    earlier = await client.post(f"{FACTORS}/verify", json={"challenge": challenge, "code": mine.code()})
    assert earlier.status_code == 401
    answer = {"challenge": entered.json()["data"]["challenge"], "code": mine.code()}
    assert (await client.post(f"{FACTORS}/verify", json=answer)).status_code == 200


async def test_a_forgotten_address_tells_nothing(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    unverified = await add_customer(owner_engine)
    await _run(owner_engine, "UPDATE users SET email_verified_at = NULL WHERE id = :id", id=unverified.id)
    deleted = await add_customer(owner_engine, deleted_at="2026-01-01")
    told = set()
    for email in (person.email, unverified.email, deleted.email, "nobody@people.example"):
        answer = await client.post(f"{AUTH}/forgot-password", json={"email": email})
        headers = {name for name in answer.headers if not name.startswith("ratelimit")}
        told.add((answer.status_code, answer.text, frozenset(headers)))
    assert len(told) == 1
    assert [event for event, _ in await letters(owner_engine)] == ["password_reset"] * 2


async def test_a_reset_confirms_the_address_that_it_was_sent_to(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    await _run(owner_engine, "UPDATE users SET email_verified_at = NULL")
    token = await _asked(client, owner_engine, person)
    await client.post(f"{AUTH}/reset-password", json={"token": token, "password": NEXT})
    assert await _login(client, person, NEXT) == 200


@pytest.mark.parametrize("token", ["x", "a" * 43, "é", "\x00", "' OR 1=1 --"])
async def test_a_made_up_reset_token_costs_no_hash(client: AsyncClient, app: FastAPI, token: str) -> None:
    answer = await client.post(f"{AUTH}/reset-password", json={"token": token, "password": NEXT})
    assert answer.status_code in {401, 422}


async def test_a_password_change_asks_the_present_one_and_ends_other_sessions(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    here, there = [bearer((await sign_in(client, person))["tokens"]["accessToken"]) for _ in range(2)]
    wrong = {"current_password": "not the password", "new_password": NEXT}
    refused = await client.put(f"{ME}/password", json=wrong, headers=here)
    assert (refused.status_code, refused.json()["code"]) == (401, "bad_credentials")
    weak = {"current_password": PASSWORD, "new_password": "passwordpassword"}
    assert (await client.put(f"{ME}/password", json=weak, headers=here)).status_code == 400
    assert (await client.put(f"{ME}/password", json=wrong)).status_code == 401
    token = await _asked(client, owner_engine, person)
    right = {"current_password": PASSWORD, "new_password": NEXT}
    done = await client.put(f"{ME}/password", json=right, headers=here)
    assert done.json() == {"password_changed": True, "sessions_ended": 1}
    assert [(await client.get(ME, headers=me)).status_code for me in (here, there)] == [200, 401]
    stale = await client.post(f"{AUTH}/reset-password", json={"token": token, "password": PASSWORD})
    assert stale.status_code == 401
    assert await _login(client, person, NEXT) == 200
    assert ("password_changed", None) in await letters(owner_engine)


async def test_a_password_change_asks_for_a_fresh_factor_where_one_is_on(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    mine, me = await enrolled(client, app, owner_engine, person)
    await age_session(owner_engine, person)
    body = {"current_password": PASSWORD, "new_password": NEXT}
    asked = (await client.put(f"{ME}/password", json=body, headers=me)).json()
    assert (asked["code"], asked["methods"]) == ("step_up_required", ["code", "recovery_code"])
    answer = {"challenge": asked["challenge"], "code": mine.code()}
    assert (await client.post(f"{FACTORS}/verify", json=answer, headers=me)).status_code == 200
    assert (await client.put(f"{ME}/password", json=body, headers=me)).status_code == 200


async def test_a_new_address_counts_once_its_mail_is_answered(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    me = bearer((await sign_in(client, person))["tokens"]["accessToken"])
    asked = await client.put(ME, json={"email": "next@people.example", "first_name": "Myra"}, headers=me)
    assert (asked.json()["email"], asked.json()["first_name"]) == (person.email, "Myra")
    assert (await letters(owner_engine))[-2:] == [
        ("email_change_asked", None),
        ("confirm_new_email", "next@people.example"),
    ]
    reset = await _asked(client, owner_engine, person)
    token = await mailed_secret(owner_engine, "confirm_new_email")
    done = await client.post(f"{AUTH}/verify-email", json={"token": token})
    assert done.json() == {"success": True, "data": {"email": "next@people.example"}}
    assert (await client.post(f"{AUTH}/verify-email", json={"token": token})).status_code == 401
    assert (await client.get(ME, headers=me)).json()["email"] == "next@people.example"
    assert (await letters(owner_engine))[-1] == ("email_changed", person.email)
    stale = await client.post(f"{AUTH}/reset-password", json={"token": reset, "password": NEXT})
    assert stale.status_code == 401


async def test_an_address_of_somebody_else_is_not_taken_and_not_told(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    person, other = await add_customer(owner_engine), await add_customer(owner_engine)
    me = await signed_in(app, owner_engine, person)
    free, taken = [
        await client.put(ME, json={"email": email}, headers=me) for email in ("free@people.example", other.email)
    ]
    assert (free.status_code, free.json().keys()) == (taken.status_code, taken.json().keys())
    assert taken.json()["email"] == person.email
    (mail,) = await _run(owner_engine, "SELECT user_id FROM notifications WHERE event = 'already_registered'")
    assert mail["user_id"] == other.id
    # Free when it was asked for, and taken since.
    await client.put(ME, json={"email": "raced@people.example"}, headers=me)
    token = await mailed_secret(owner_engine, "confirm_new_email")
    await add_customer(owner_engine, email="raced@people.example")
    late = await client.post(f"{AUTH}/verify-email", json={"token": token})
    assert (late.status_code, late.json()["code"]) == (409, "conflict")


async def test_an_address_change_needs_a_fresh_proof(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    me = await signed_in(app, owner_engine, person)
    await age_session(owner_engine, person)
    refused = await client.put(ME, json={"email": "next@people.example"}, headers=me)
    assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")
    assert (await client.put(ME, json={"email": person.email, "last_name": "Other"}, headers=me)).status_code == 200


async def test_an_old_verification_mail_signs_nobody_in_later(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    newcomer = {"email": "twice@people.example", "password": PASSWORD}
    await client.post(f"{AUTH}/register", json=newcomer)
    first = await mailed_secret(owner_engine, "verify_email")
    await client.post(f"{AUTH}/register", json=newcomer)
    second = await mailed_secret(owner_engine, "verify_email")
    assert (await client.post(f"{AUTH}/verify-email", json={"token": second})).status_code == 200
    assert (await client.post(f"{AUTH}/verify-email", json={"token": first})).status_code == 401


async def test_a_session_that_a_mail_has_opened_is_no_fresh_proof(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    await client.post(f"{AUTH}/register", json={"email": "new@people.example", "password": PASSWORD})
    token = await mailed_secret(owner_engine, "verify_email")
    entered = (await client.post(f"{AUTH}/verify-email", json={"token": token})).json()
    me = bearer(entered["data"]["tokens"]["accessToken"])
    assert (await client.post(f"{FACTORS}/setup", headers=me)).json()["code"] == "step_up_required"


async def test_devices_are_listed_and_ended_by_their_owner_alone(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    person, other = await add_customer(owner_engine), await add_customer(owner_engine)
    tokens = [(await sign_in(client, person))["tokens"] for _ in range(3)]
    here = bearer(tokens[-1]["accessToken"])
    stranger = bearer((await sign_in(client, other))["tokens"]["accessToken"])
    listed = (await client.get(f"{AUTH}/sessions", headers=here)).json()
    assert (listed["total"], [one["current"] for one in listed["data"]]) == (3, [True, False, False])
    assert listed["data"][0].keys() >= {"id", "created_at", "last_seen_at", "ip_address", "user_agent", "current"}
    oldest = listed["data"][2]["id"]
    unknown = await client.delete(f"{AUTH}/sessions/{oldest}", headers=stranger)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    ended = await client.delete(f"{AUTH}/sessions/{oldest}", headers=here)
    assert ended.json() == {"success": True, "data": {"sessions_ended": 1}}
    assert (await client.get(ME, headers=bearer(tokens[0]["accessToken"]))).status_code == 401
    assert (await client.post(f"{AUTH}/refresh", json={"refreshToken": tokens[0]["refreshToken"]})).status_code == 401
    assert (await client.delete(f"{AUTH}/sessions/{oldest}", headers=here)).status_code == 404
    assert (await client.get(f"{AUTH}/sessions", headers=here)).json()["total"] == 2
    await age_session(owner_engine, person)
    asked = await client.delete(f"{AUTH}/sessions/{listed['data'][1]['id']}", headers=here)
    assert asked.json()["code"] == "step_up_required"
    own = await client.delete(f"{AUTH}/sessions/{listed['data'][0]['id']}", headers=here)
    assert own.status_code == 200
    assert (await client.get(ME, headers=here)).status_code == 401


async def test_a_new_device_is_told_of_and_a_known_one_is_not(client: AsyncClient, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    body = {"email": person.email, "password": PASSWORD}
    for agent in ("Phone/1", "Phone/1", "Laptop/1", "Phone/1"):
        assert (await client.post(f"{AUTH}/login", json=body, headers={"User-Agent": agent})).status_code == 200
    assert await letters(owner_engine) == [("new_device", None)]
    (mail,) = await _run(owner_engine, "SELECT body FROM notifications")
    assert "Laptop/1" in mail["body"]


async def test_a_stolen_refresh_token_ends_the_session_and_is_told(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    tokens = (await sign_in(client, await add_customer(owner_engine)))["tokens"]
    order = {"refreshToken": tokens["refreshToken"]}
    await client.post(f"{AUTH}/refresh", json=order)
    await _run(owner_engine, "UPDATE refresh_tokens SET used_at = used_at - interval '31 seconds'")
    answers = await asyncio.gather(*(client.post(f"{AUTH}/refresh", json=order) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {401}
    assert await letters(owner_engine) == [("session_stolen", None)]


async def test_a_session_ends_after_thirty_days_however_often_it_is_renewed(
    client: AsyncClient, owner_engine: AsyncEngine
) -> None:
    tokens = (await sign_in(client, await add_customer(owner_engine)))["tokens"]
    await _run(owner_engine, "UPDATE sessions SET created_at = now() - interval '30 days 1 second'")
    refused = await client.post(f"{AUTH}/refresh", json={"refreshToken": tokens["refreshToken"]})
    assert (refused.status_code, refused.json()["code"]) == (401, "bad_token")
