"""People who come by an external identity provider: who they are here, and whom it does not let in."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from infra.settings import Settings
from models.auth import CUSTOMER_PERMISSIONS
from tests.api.test_limits import FEW, serving
from tests.factories.auth import age_session, bearer, letters, sign_in, signed_in
from tests.factories.issuer import AUDIENCE, Issuer, issuer
from tests.factories.users import add_customer, add_officer

API = "/api/v1"
ME = f"{API}/users/me"
LINK = f"{API}/auth/external-identity"


@pytest.fixture
def provider() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


@pytest.fixture
def known(api_settings: Settings, provider: Issuer) -> Settings:
    """Settings that name the provider."""
    return api_settings.model_copy(update={"clerk_issuer": provider.url, "clerk_audience": AUDIENCE})


@pytest.fixture
async def open_door(known: Settings, owner_engine: AsyncEngine) -> AsyncIterator[tuple[FastAPI, AsyncClient]]:
    """An application that accepts the provider's tokens."""
    async with serving(known) as served:
        yield served


@pytest.fixture
def door(open_door: tuple[FastAPI, AsyncClient]) -> AsyncClient:
    return open_door[1]


async def _rows(owner: AsyncEngine, query: str) -> list[dict[str, Any]]:
    async with transaction(owner) as session:
        return [dict(row) for row in (await session.execute(text(query))).mappings()]


async def test_a_newcomer_becomes_a_customer_with_standard_rights(
    door: AsyncClient, provider: Issuer, owner_engine: AsyncEngine
) -> None:
    me = await door.get(ME, headers=bearer(provider.token(email="Mira@People.Example")))
    assert me.status_code == 200, me.text
    person = me.json()
    assert (person["email"], person["email_verified"]) == ("Mira@people.example", True)
    assert (person["role"], person["tier"], person["kyc_status"]) == ("customer", "standard", "not_started")
    assert set(person["permissions"]) == CUSTOMER_PERMISSIONS
    assert (person["first_name"], person["last_name"]) == ("Mira", "Example")
    (row,) = await _rows(owner_engine, "SELECT clerk_user_id, password_hash FROM users")
    assert row == {"clerk_user_id": "user_mira", "password_hash": None}
    (line,) = await _rows(
        owner_engine, "SELECT user_id::text, action, resource_id, new_values, outcome FROM audit_logs"
    )
    assert line == {
        "user_id": person["id"],
        "action": "external_identities.sign_in",
        "resource_id": person["id"],
        "new_values": {"registered": True},
        "outcome": "done",
    }


async def test_the_same_person_comes_back_by_any_token(
    door: AsyncClient, provider: Issuer, owner_engine: AsyncEngine
) -> None:
    tokens = [provider.token(), provider.token(jti="2"), provider.token(sid="sess_2", email=None, email_verified=None)]
    people = {(await door.get(ME, headers=bearer(token))).json()["id"] for token in tokens}
    assert len(people) == 1
    assert len(await _rows(owner_engine, "SELECT id FROM sessions")) == 2
    assert len(await _rows(owner_engine, "SELECT id FROM audit_logs")) == 2


async def test_twenty_first_requests_at_once_make_one_person_and_one_session(
    door: AsyncClient, provider: Issuer, owner_engine: AsyncEngine
) -> None:
    tokens = [provider.token(jti=str(number)) for number in range(20)]
    answers = await asyncio.gather(*(door.get(ME, headers=bearer(token)) for token in tokens))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await _rows(owner_engine, "SELECT id FROM users")) == 1
    assert len(await _rows(owner_engine, "SELECT id FROM sessions")) == 1
    assert len(await _rows(owner_engine, "SELECT id FROM audit_logs")) == 1


async def test_such_a_customer_does_what_customers_do_and_is_audited_as_one(
    door: AsyncClient, provider: Issuer, owner_engine: AsyncEngine
) -> None:
    me = bearer(provider.token())
    person = (await door.get(ME, headers=me)).json()
    assert (await door.put(ME, json={"first_name": "Myra"}, headers=me)).status_code == 200
    refused = await door.post(f"{API}/accounts", json={"account_type": "checking", "currency": "EUR"}, headers=me)
    assert (refused.status_code, refused.json()["code"]) == (403, "kyc_required")
    lines = await _rows(owner_engine, "SELECT user_id::text, session_id FROM audit_logs ORDER BY id")
    assert {line["user_id"] for line in lines} == {person["id"]}
    assert len({line["session_id"] for line in lines}) == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "somebody-else"},
        {"azp": "https://evil.example"},
        {"exp": 1},
        {"nbf": 9_999_999_999},
        {"key": "second"},
    ],
)
async def test_a_token_that_is_no_good_is_no_entry(
    door: AsyncClient, provider: Issuer, owner_engine: AsyncEngine, claims: dict[str, Any]
) -> None:
    refused = await door.get(ME, headers=bearer(provider.token(**claims)))
    assert (refused.status_code, refused.json()["code"]) == (401, "bad_token")
    assert await _rows(owner_engine, "SELECT id FROM users") == []


async def test_a_provider_that_is_away_is_unavailable_and_no_refusal(
    door: AsyncClient, provider: Issuer, owner_engine: AsyncEngine
) -> None:
    provider.answer = (503, b"")
    refused = await door.get(ME, headers=bearer(provider.token()))
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert "Retry-After" in refused.headers


@pytest.mark.parametrize(
    "claims",
    [{"email": None}, {"email_verified": False}, {"email_verified": None}, {"email": "nobody"}, {"email": "a\nb@c.de"}],
)
async def test_an_address_that_nobody_verified_makes_nobody(
    door: AsyncClient, provider: Issuer, owner_engine: AsyncEngine, claims: dict[str, Any]
) -> None:
    refused = await door.get(ME, headers=bearer(provider.token(**claims)))
    assert (refused.status_code, refused.json()["code"]) == (401, "external_sign_in_refused")
    assert await _rows(owner_engine, "SELECT id FROM users") == []


async def test_an_account_with_a_password_is_not_taken_over(
    door: AsyncClient, provider: Issuer, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    for email in (person.email, person.email.upper()):
        refused = await door.get(ME, headers=bearer(provider.token(email=email)))
        assert (refused.status_code, refused.json()["code"]) == (401, "external_sign_in_refused")
    (row,) = await _rows(owner_engine, "SELECT clerk_user_id FROM users")
    assert row["clerk_user_id"] is None
    assert await _rows(owner_engine, "SELECT id FROM sessions") == []


async def test_its_owner_links_it_and_then_comes_in_by_both(
    open_door: tuple[FastAPI, AsyncClient], provider: Issuer, owner_engine: AsyncEngine
) -> None:
    app, door = open_door
    person = await add_customer(owner_engine)
    me = await signed_in(app, owner_engine, person)
    token = provider.token(email=person.email)
    linked = await door.put(LINK, json={"token": token}, headers=me)
    assert linked.json() == {"success": True, "data": {"linked": True}}
    assert (await door.put(LINK, json={"token": token}, headers=me)).status_code == 200
    assert await letters(owner_engine) == [("external_identity_linked", None)]
    assert (await door.get(ME, headers=bearer(token))).json()["id"] == str(person.id)
    own = (await sign_in(door, person))["tokens"]["accessToken"]
    assert (await door.get(ME, headers=bearer(own))).status_code == 200
    # Unlinked, it opens nothing any more, and what it had opened is over.
    assert (await door.delete(LINK, headers=me)).json()["data"] == {"linked": False}
    for late in (token, provider.token(email=person.email, sid="sess_2")):
        assert (await door.get(ME, headers=bearer(late))).status_code == 401
    assert (await door.get(ME, headers=me)).status_code == 200


async def test_a_link_needs_a_fresh_proof_and_the_same_verified_address(
    open_door: tuple[FastAPI, AsyncClient], provider: Issuer, owner_engine: AsyncEngine
) -> None:
    app, door = open_door
    person = await add_customer(owner_engine)
    me = await signed_in(app, owner_engine, person)

    async def refusal(**claims: Any) -> tuple[int, str]:
        refused = await door.put(LINK, json={"token": provider.token(**claims)}, headers=me)
        return refused.status_code, refused.json()["code"]

    assert await refusal() == (403, "email_not_verified")
    assert await refusal(email=person.email, email_verified=False) == (403, "email_not_verified")
    assert await refusal(email=person.email, aud="other") == (401, "bad_token")
    await age_session(owner_engine, person)
    assert await refusal(email=person.email) == (403, "step_up_required")


async def test_an_identity_is_linked_to_one_account_and_an_account_to_one_identity(
    open_door: tuple[FastAPI, AsyncClient], provider: Issuer, owner_engine: AsyncEngine
) -> None:
    app, door = open_door
    person = await add_customer(owner_engine)
    me = await signed_in(app, owner_engine, person)
    await door.get(ME, headers=bearer(provider.token()))  # somebody else is linked to user_mira
    taken = await door.put(LINK, json={"token": provider.token(email=person.email)}, headers=me)
    assert taken.status_code == 409
    own = provider.token(email=person.email, sub="user_2")
    assert (await door.put(LINK, json={"token": own}, headers=me)).status_code == 200
    other = provider.token(email=person.email, sub="user_3")
    assert (await door.put(LINK, json={"token": other}, headers=me)).status_code == 409


async def test_staff_and_second_factors_are_not_passed_by(
    open_door: tuple[FastAPI, AsyncClient], provider: Issuer, owner_engine: AsyncEngine
) -> None:
    app, door = open_door
    officer = await add_officer(owner_engine)
    me = await signed_in(app, owner_engine, officer)
    refused = await door.put(LINK, json={"token": provider.token(email=officer.email)}, headers=me)
    assert refused.status_code == 403
    person = await add_customer(owner_engine)
    async with transaction(owner_engine) as session:
        await session.execute(
            text("UPDATE users SET clerk_user_id = 'user_' || role"),
        )
        await session.execute(
            text("INSERT INTO totp_factors (user_id, seed_sealed, enabled_at) VALUES (:id, :sealed, now())"),
            {"id": person.id, "sealed": b"x" * 40},
        )
    for subject in ("user_admin", "user_customer"):
        refused = await door.get(ME, headers=bearer(provider.token(sub=subject)))
        assert (refused.status_code, refused.json()["code"]) == (401, "external_sign_in_refused")
    assert len(await _rows(owner_engine, "SELECT id FROM sessions WHERE 'ext' = ANY (amr)")) == 0


async def test_such_a_session_is_no_fresh_proof(door: AsyncClient, provider: Issuer, owner_engine: AsyncEngine) -> None:
    me = bearer(provider.token())
    await door.get(ME, headers=me)
    refused = await door.put(LINK, json={"token": provider.token()}, headers=me)
    assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")


async def test_signed_out_here_a_session_of_the_provider_stays_signed_out(
    door: AsyncClient, provider: Issuer, owner_engine: AsyncEngine
) -> None:
    me = bearer(provider.token())
    await door.get(ME, headers=me)
    assert (await door.post(f"{API}/auth/logout", headers=me)).status_code == 200
    for token in (me["Authorization"].removeprefix("Bearer "), provider.token(jti="later")):
        refused = await door.get(ME, headers=bearer(token))
        assert (refused.status_code, refused.json()["code"]) == (401, "bad_token")
    assert (await door.get(ME, headers=bearer(provider.token(sid="sess_2")))).status_code == 200


async def test_a_person_who_was_deleted_is_not_made_anew(
    door: AsyncClient, provider: Issuer, owner_engine: AsyncEngine
) -> None:
    await door.get(ME, headers=bearer(provider.token()))
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE users SET deleted_at = now()"))
    for token in (provider.token(), provider.token(sid="sess_2"), provider.token(sub="user_2")):
        assert (await door.get(ME, headers=bearer(token))).status_code == 401


async def test_tokens_of_ours_name_the_identity(
    open_door: tuple[FastAPI, AsyncClient], provider: Issuer, owner_engine: AsyncEngine
) -> None:
    app, door = open_door
    person = await add_customer(owner_engine, clerk_user_id="user_mira")
    tokens = (await sign_in(door, person))["tokens"]
    assert app.state.parts.tokens.read(tokens["accessToken"]).clerk_user_id == "user_mira"
    plain = (await sign_in(door, await add_customer(owner_engine)))["tokens"]
    assert app.state.parts.tokens.read(plain["accessToken"]).clerk_user_id is None


async def test_a_person_of_the_provider_is_counted_by_name(
    known: Settings, provider: Issuer, owner_engine: AsyncEngine
) -> None:
    async with serving(known.model_copy(update={"limits": FEW})) as (_, door):
        me = bearer(provider.token())
        await door.get(ME, headers=me)
        assert '"reads-user";r=2' in (await door.get(ME, headers=me)).headers["RateLimit"]


async def test_nobody_is_let_in_by_a_provider_that_is_not_named(
    client: AsyncClient, app: FastAPI, provider: Issuer, owner_engine: AsyncEngine
) -> None:
    refused = await client.get(ME, headers=bearer(provider.token()))
    assert (refused.status_code, refused.json()["code"]) == (401, "bad_token")
    me = await signed_in(app, owner_engine, await add_customer(owner_engine))
    assert (await client.put(LINK, json={"token": provider.token()}, headers=me)).status_code == 404
    assert provider.asked == 0
