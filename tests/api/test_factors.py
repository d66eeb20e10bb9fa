"""Second factors: set up, asked for, used once, lost, and taken away again."""

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from lxml import etree
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.main import create_app
from infra.database import transaction
from infra.settings import Settings
from models.challenges import Purpose, new_challenge, written_challenge
from tests.factories.auth import age_session, bearer, letters, sign_in, signed_in
from tests.factories.factors import FACTORS, App, enrolled, forget_codes, header_of, stored_seed, tokens_of
from tests.factories.users import PASSWORD, add_customer, quick_hash

ME = "/api/v1/users/me"


def _claims(access_token: str) -> dict[str, Any]:
    payload = access_token.split(".")[1]
    claims: dict[str, Any] = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


async def _run(engine: AsyncEngine, statement: str, **values: Any) -> list[Any]:
    async with transaction(engine) as session:
        result = await session.execute(text(statement), values)
        return list(result.mappings()) if result.returns_rows else []  # type: ignore[attr-defined]


@pytest.fixture
async def second(app: FastAPI, api_settings: Settings) -> AsyncIterator[AsyncClient]:
    """Another process of the API over the same database, as far as it shares nothing else."""
    other = create_app(api_settings)
    async with (
        other.router.lifespan_context(other),
        AsyncClient(transport=httpx.ASGITransport(app=other), base_url="http://second.test") as spoken,
    ):
        yield spoken


@pytest.fixture
async def app_of(client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine) -> App:
    """A customer with two-factor sign-in."""
    enrolment, _ = await enrolled(client, app, owner_engine, await add_customer(owner_engine))
    return enrolment


async def test_a_factor_is_set_up_by_a_picture_and_turned_on_by_its_first_code(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    me = await signed_in(app, owner_engine, person)
    begun = (await client.post(f"{FACTORS}/setup", headers=me)).json()
    assert begun.keys() == {"secret", "otpauth_uri", "qr_svg"}
    assert f"secret={begun['secret']}" in begun["otpauth_uri"]
    assert begun["otpauth_uri"].startswith("otpauth://totp/Aurum:")
    assert etree.fromstring(begun["qr_svg"]).tag.endswith("svg")
    assert await stored_seed(owner_engine, person) == begun["secret"]
    assert (await sign_in(client, person))["tokens"]
    other = App(person, "A" * 32, [])
    wrong = await client.post(f"{FACTORS}/enable", json={"code": other.code()}, headers=me)
    assert (wrong.status_code, wrong.json()["code"]) == (401, "wrong_code")
    mine = App(person, begun["secret"], [])
    on = await client.post(f"{FACTORS}/enable", json={"code": mine.code()}, headers=me)
    codes = on.json()["recovery_codes"]
    assert len(set(codes)) == 10
    assert all(len(code.replace("-", "")) == 24 for code in codes)
    for again in (
        await client.post(f"{FACTORS}/setup", headers=me),
        await client.post(f"{FACTORS}/enable", json={"code": mine.code()}, headers=me),
    ):
        assert (again.status_code, again.json()["code"]) == (409, "wrong_state")
    assert (await letters(owner_engine))[-1] == ("two_factor_enabled", None)
    stored = await _run(owner_engine, "SELECT * FROM recovery_codes, totp_factors")
    assert begun["secret"] not in str(stored)
    assert not any(code in str(stored) for code in codes)
    lines = str(await _run(owner_engine, "SELECT old_values, new_values FROM audit_logs"))
    assert begun["secret"] not in lines
    assert mine.code() not in lines


async def test_signing_in_asks_for_the_factor_and_the_claims_say_so(client: AsyncClient, app_of: App) -> None:
    challenge = await app_of.challenge(client)
    entered = await client.post(f"{FACTORS}/verify", json={"challenge": challenge, "code": app_of.code()})
    claims = _claims(tokens_of(entered)["accessToken"])
    assert claims["amr"] == ["pwd", "otp"]
    assert abs(claims["auth_time"] - datetime.now(UTC).timestamp()) < 30
    assert entered.json()["data"]["user"]["email"] == app_of.person.email
    at_once = await app_of.log_in(client, app_of.code(1))
    assert _claims(tokens_of(at_once)["accessToken"])["amr"] == ["pwd", "otp"]


@pytest.mark.parametrize("code", ["000000", "", " ", "12345", "1234567", "abcdef", "１２３４５６"])
async def test_a_wrong_code_signs_nobody_in(client: AsyncClient, app_of: App, code: str) -> None:
    refused = await app_of.log_in(client, code)
    assert (refused.status_code, refused.json()["code"]) == (401, "wrong_code")
    assert "tokens" not in refused.text


async def test_a_code_is_good_for_a_step_before_and_after_and_no_longer(
    client: AsyncClient, app_of: App, owner_engine: AsyncEngine
) -> None:
    async def status(steps: int) -> int:
        while True:
            await forget_codes(owner_engine)
            before = app_of.code()
            answer = await app_of.log_in(client, app_of.code(steps))
            if app_of.code() == before:  # else the step before has become the one before that
                return answer.status_code

    assert [await status(steps) for steps in (-3, -1, 0, 1, 3)] == [401, 200, 200, 200, 401]


async def test_a_code_works_once_across_two_processes(client: AsyncClient, second: AsyncClient, app_of: App) -> None:
    code = app_of.code()
    assert (await app_of.log_in(client, code)).status_code == 200
    for process in (second, client):
        replayed = await app_of.log_in(process, code)
        assert (replayed.status_code, replayed.json()["code"]) == (401, "wrong_code")


async def test_an_earlier_code_is_worth_nothing_after_a_later_one(client: AsyncClient, app_of: App) -> None:
    assert (await app_of.log_in(client, app_of.code(1))).status_code == 200
    assert (await app_of.log_in(client, app_of.code())).status_code == 401


async def test_one_code_sent_many_times_at_once_to_two_processes_signs_in_once(
    client: AsyncClient, second: AsyncClient, app_of: App
) -> None:
    challenges = [await app_of.challenge(process) for process in (client, second) * 4]
    code = app_of.code()
    answers = await asyncio.gather(
        *(
            (client, second)[number % 2].post(f"{FACTORS}/verify", json={"challenge": challenge, "code": code})
            for number, challenge in enumerate(challenges)
        )
    )
    assert sorted(answer.status_code for answer in answers)[:2] == [200, 401]


async def test_a_challenge_is_answered_once_in_whichever_process(
    client: AsyncClient, second: AsyncClient, app_of: App
) -> None:
    challenge = await app_of.challenge(client)
    assert (
        await second.post(f"{FACTORS}/verify", json={"challenge": challenge, "code": app_of.code()})
    ).status_code == 200
    again = await client.post(f"{FACTORS}/verify", json={"challenge": challenge, "code": app_of.code(1)})
    assert (again.status_code, again.json()["code"]) == (401, "bad_token")


async def test_one_challenge_answered_by_two_codes_at_once_signs_in_once(client: AsyncClient, app_of: App) -> None:
    challenge = await app_of.challenge(client)
    answers = await asyncio.gather(
        *(
            client.post(f"{FACTORS}/verify", json={"challenge": challenge, "code": app_of.code(steps)})
            for steps in (-1, 0, 1)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]


async def test_five_wrong_answers_end_a_challenge_and_slow_the_next_guess(
    client: AsyncClient, app_of: App, owner_engine: AsyncEngine
) -> None:
    challenge = await app_of.challenge(client)
    for _ in range(5):
        wrong = await client.post(f"{FACTORS}/verify", json={"challenge": challenge, "code": "000000"})
        assert wrong.json()["code"] == "wrong_code"
    async with transaction(owner_engine) as session:  # the last one is as fresh on a slow machine
        await session.execute(text("UPDATE totp_factors SET wrong_code_at = clock_timestamp() + interval '1 minute'"))
    slowed = await app_of.log_in(client, app_of.code())
    assert (slowed.status_code, slowed.json()["code"]) == (429, "rate_limited")
    assert int(slowed.headers["Retry-After"]) >= 1
    await forget_codes(owner_engine)
    spent = await client.post(f"{FACTORS}/verify", json={"challenge": challenge, "code": app_of.code()})
    assert spent.json()["code"] == "bad_token"
    assert (await app_of.log_in(client, app_of.code())).status_code == 200


async def test_a_challenge_expires_and_cannot_be_made_up_or_changed(
    client: AsyncClient, app_of: App, api_settings: Settings
) -> None:
    secret = api_settings.token_secret.get_secret_value()
    live = new_challenge(Purpose.LOGIN, app_of.person.id, quick_hash(PASSWORD), None)
    late = live.model_copy(update={"expires_at": datetime.now(UTC) - timedelta(seconds=1)})
    good = written_challenge(live, secret)
    forgeries = [
        written_challenge(late, secret),
        written_challenge(live, "another secret"),
        good[:-4] + "AAAA",
        good[4:],
        "é" * 20,
        "a",
        "." * 900,
    ]
    for forged in forgeries:
        refused = await client.post(f"{FACTORS}/verify", json={"challenge": forged, "code": app_of.code()})
        assert (refused.status_code, refused.json()["code"]) == (401, "bad_token"), forged
    right = await client.post(f"{FACTORS}/verify", json={"challenge": good, "code": app_of.code()})
    assert right.status_code == 200


async def test_a_challenge_takes_its_own_persons_code_alone(
    client: AsyncClient, app: FastAPI, app_of: App, owner_engine: AsyncEngine
) -> None:
    other, _ = await enrolled(client, app, owner_engine, await add_customer(owner_engine))
    challenge = await app_of.challenge(client)
    for proof in ({"code": other.code()}, {"recovery_code": other.recovery_codes[0]}, {"password": PASSWORD}):
        refused = await client.post(f"{FACTORS}/verify", json={"challenge": challenge, **proof})
        assert refused.status_code == 401, proof
    right = await client.post(f"{FACTORS}/verify", json={"challenge": challenge, "code": app_of.code()})
    assert right.status_code == 200


async def test_a_challenge_ends_with_the_password_it_was_given_for(
    client: AsyncClient, app_of: App, owner_engine: AsyncEngine
) -> None:
    challenge = await app_of.challenge(client)
    await _run(owner_engine, "UPDATE users SET password_hash = :hash", hash=quick_hash("another password of theirs"))
    refused = await client.post(f"{FACTORS}/verify", json={"challenge": challenge, "code": app_of.code()})
    assert (refused.status_code, refused.json()["code"]) == (401, "bad_token")


async def test_a_recovery_code_opens_once_and_its_person_is_told(
    client: AsyncClient, second: AsyncClient, app_of: App, owner_engine: AsyncEngine
) -> None:
    code = app_of.recovery_codes[3]
    asked = {"challenge": await app_of.challenge(client), "recovery_code": f" {code.upper().replace('-', ' ')} "}
    entered = await client.post(f"{FACTORS}/verify", json=asked)
    assert _claims(tokens_of(entered)["accessToken"])["amr"] == ["pwd", "recovery"]
    assert ("recovery_code_used", None) in await letters(owner_engine)
    (mail,) = await _run(owner_engine, "SELECT body FROM notifications WHERE event = 'recovery_code_used'")
    assert "9 are left" in mail["body"]
    for process in (client, second):
        again = {"challenge": await app_of.challenge(process), "recovery_code": code}
        assert (await process.post(f"{FACTORS}/verify", json=again)).json()["code"] == "wrong_code"


async def test_a_recovery_code_sent_twice_at_once_opens_once(client: AsyncClient, app_of: App) -> None:
    challenges = [await app_of.challenge(client) for _ in range(4)]
    answers = await asyncio.gather(
        *(
            client.post(f"{FACTORS}/verify", json={"challenge": one, "recovery_code": app_of.recovery_codes[0]})
            for one in challenges
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401]


async def test_turning_it_off_takes_the_password_and_a_code(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    mine, me = await enrolled(client, app, owner_engine, await add_customer(owner_engine))
    for body, status in (
        ({"password": "not the password", "code": mine.code()}, 401),
        ({"password": PASSWORD, "code": "000000"}, 401),
        ({"password": PASSWORD}, 422),
        ({"code": mine.code()}, 422),
    ):
        assert (await client.post(f"{FACTORS}/disable", json=body, headers=me)).status_code == status
    assert (await mine.log_in(client)).json()["data"]["two_factor_required"] is True
    off = await client.post(f"{FACTORS}/disable", json={"password": PASSWORD, "code": mine.code()}, headers=me)
    assert off.json() == {"two_factor_enabled": False}
    assert (await letters(owner_engine))[-1] == ("two_factor_disabled", None)
    assert (await mine.log_in(client)).json()["data"]["tokens"]
    assert not await _run(owner_engine, "SELECT FROM recovery_codes")
    gone = await client.post(f"{FACTORS}/disable", json={"password": PASSWORD, "code": mine.code()}, headers=me)
    assert gone.status_code == 404


async def test_whoever_lost_the_app_turns_it_off_with_a_recovery_code(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    mine, me = await enrolled(client, app, owner_engine, await add_customer(owner_engine))
    body = {"password": PASSWORD, "recovery_code": mine.recovery_codes[0]}
    assert (await client.post(f"{FACTORS}/disable", json=body, headers=me)).status_code == 200


async def test_an_old_session_steps_up_with_a_code_and_gets_new_tokens(
    client: AsyncClient, app_of: App, owner_engine: AsyncEngine
) -> None:
    first = tokens_of(await app_of.log_in(client, app_of.code()))
    me = bearer(first["accessToken"])
    await forget_codes(owner_engine)
    await age_session(owner_engine, app_of.person)
    asked = await client.put(ME, json={"email": "new@people.example"}, headers=me)
    assert (asked.status_code, asked.json()["code"]) == (403, "step_up_required")
    told = asked.json()
    assert (told["methods"], told["verify_at"]) == (["code", "recovery_code"], "/api/v1/users/2fa/verify")
    answer = {"challenge": told["challenge"], "code": app_of.code()}
    assert (await client.post(f"{FACTORS}/verify", json=answer)).status_code == 401  # without its session
    by_password = {"challenge": told["challenge"], "password": PASSWORD}
    assert (await client.post(f"{FACTORS}/verify", json=by_password, headers=me)).status_code == 401
    renewed = await client.post(f"{FACTORS}/verify", json=answer, headers=me)
    claims = _claims(tokens_of(renewed)["accessToken"])
    assert claims["sid"] == _claims(first["accessToken"])["sid"]
    assert (claims["amr"], claims["auth_time"] > _claims(first["accessToken"])["auth_time"] - 300) == (
        ["pwd", "otp"],
        True,
    )
    changed = await client.put(ME, json={"email": "new@people.example"}, headers=header_of(renewed))
    assert changed.status_code == 200
    # The tokens of before a moment ago still refresh (a second tab), and then no longer.
    old = {"refreshToken": first["refreshToken"]}
    assert (await client.post("/api/v1/auth/refresh", json=old)).status_code == 200
    following = {"refreshToken": tokens_of(renewed)["refreshToken"]}
    assert (await client.post("/api/v1/auth/refresh", json=following)).status_code == 200
    await _run(owner_engine, "UPDATE refresh_tokens SET used_at = used_at - interval '30 seconds'")
    assert (await client.post("/api/v1/auth/refresh", json=old)).status_code == 401


async def test_without_a_factor_the_password_steps_up(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    me = await signed_in(app, owner_engine, person)
    await age_session(owner_engine, person)
    asked = (await client.post(f"{FACTORS}/setup", headers=me)).json()
    assert (asked["code"], asked["methods"]) == ("step_up_required", ["password"])
    wrong = {"challenge": asked["challenge"], "password": "not the password"}
    assert (await client.post(f"{FACTORS}/verify", json=wrong, headers=me)).status_code == 401
    right = {"challenge": asked["challenge"], "password": PASSWORD}
    renewed = await client.post(f"{FACTORS}/verify", json=right, headers=me)
    assert (await client.post(f"{FACTORS}/setup", headers=header_of(renewed))).status_code == 200


async def test_twenty_refreshes_at_once_over_two_processes_leave_one_chain(
    client: AsyncClient, second: AsyncClient, owner_engine: AsyncEngine
) -> None:
    order = {"refreshToken": (await sign_in(client, await add_customer(owner_engine)))["tokens"]["refreshToken"]}
    answers = await asyncio.gather(
        *((client, second)[number % 2].post("/api/v1/auth/refresh", json=order) for number in range(20))
    )
    assert len({tokens_of(answer)["refreshToken"] for answer in answers}) == 1
    chain = await _run(owner_engine, "SELECT used_at FROM refresh_tokens")
    assert sorted(row["used_at"] is None for row in chain) == [False, True]


async def test_a_step_up_of_one_session_is_no_other_sessions(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    here, there = [await signed_in(app, owner_engine, person) for _ in range(2)]
    stranger = await signed_in(app, owner_engine, await add_customer(owner_engine))
    await age_session(owner_engine, person)
    challenge = (await client.post(f"{FACTORS}/setup", headers=here)).json()["challenge"]
    for who in (there, stranger):
        refused = await client.post(
            f"{FACTORS}/verify", json={"challenge": challenge, "password": PASSWORD}, headers=who
        )
        assert (refused.status_code, refused.json()["code"]) == (401, "bad_token")
    assert (await client.post(f"{FACTORS}/setup", headers=there)).status_code == 403


async def test_a_session_from_before_the_factor_has_to_show_it(
    client: AsyncClient, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    before = await signed_in(app, owner_engine, person)
    mine, _ = await enrolled(client, app, owner_engine, person)
    asked = await client.put(ME, json={"email": "new@people.example"}, headers=before)
    assert asked.json()["code"] == "step_up_required"
    answer = {"challenge": asked.json()["challenge"], "code": mine.code()}
    assert (await client.post(f"{FACTORS}/verify", json=answer, headers=before)).status_code == 200
