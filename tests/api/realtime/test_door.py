"""Who may open a socket, and what ends it."""

import json
import time
from datetime import datetime
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api.main import create_app
from api.realtime import server
from infra.database import transaction
from infra.limits import Rates
from infra.settings import Settings
from models.realtime import SocketLimits
from tests.api.realtime.conftest import ELSEWHERE
from tests.databases import Database
from tests.factories.auth import claims_of, session_for
from tests.factories.sockets import (
    ear,
    listening,
    polling,
    raw,
    refused,
    sockets_of,
    token_of,
    until,
    until_closed,
)
from tests.factories.users import add_customer, add_officer


async def test_a_signed_in_person_comes_in(sockets: FastAPI, url: str, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    async with ear(url, await token_of(sockets, owner_engine, person)) as client:
        assert await client.ask("subscribe_alerts") == {"subscribed": True}


async def test_nobody_comes_in_without_a_token_that_is_good(
    sockets: FastAPI, url: str, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    over = await token_of(sockets, owner_engine, person)
    await _do(owner_engine, "UPDATE sessions SET revoked_at = now()")
    good = await token_of(sockets, owner_engine, person)
    tried = {
        "absent": (None, "not_authenticated"),
        "empty": ("", "not_authenticated"),
        "forged": (good[:-4] + "AAAA", "bad_token"),
        "expired": (await token_of(sockets, owner_engine, person, exp=1_700_000_000), "bad_token"),
        "revoked": (over, "bad_token"),
    }
    for why, (token, code) in tried.items():
        told = await refused(url, token)
        assert (why, told["code"], told["status"]) == (why, code, 401)


async def test_who_polls_is_held_to_the_same(sockets: FastAPI, url: str, owner_engine: AsyncEngine) -> None:
    token = await token_of(sockets, owner_engine, await add_customer(owner_engine))
    async with polling(url) as stranger:
        await stranger.send("40")
        assert '"code":"not_authenticated"' in await stranger.hear("44")
    async with polling(url) as client:
        await client.send(f"40{json.dumps({'token': token})}")
        await client.hear("40")
        await client.send('420["subscribe_alerts"]')
        assert await client.hear("430") == '430[{"subscribed":true}]'
        await _do(owner_engine, "UPDATE sessions SET revoked_at = now()")
        assert '"code":"bad_token"' in await client.hear('42["closing"')
        await client.hear("41")
        await client.hear("1")
        assert await client.status() == 400


async def _do(owner: AsyncEngine, statement: str, **values: object) -> None:
    async with transaction(owner) as session:
        await session.execute(text(statement), values)


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE sessions SET revoked_at = now() WHERE user_id = :id", "bad_token"),
        ("UPDATE users SET status = 'frozen' WHERE id = :id", "customer_frozen"),
        ("UPDATE users SET deleted_at = now() WHERE id = :id", "bad_token"),
    ],
    ids=["the session ends", "the customer is frozen", "the account is deleted"],
)
async def test_a_socket_ends_with_the_right_to_it(
    statement: str, code: str, sockets: FastAPI, url: str, owner_engine: AsyncEngine
) -> None:
    person, other = await add_customer(owner_engine), await add_customer(owner_engine)
    token = await token_of(sockets, owner_engine, person)
    async with (
        ear(url, token) as client,
        ear(url, await token_of(sockets, owner_engine, other)) as stays,
    ):
        await _do(owner_engine, statement, id=person.id)
        assert (await client.hear("closing"))["code"] == code
        await client.ended()
        assert await stays.ask("subscribe_alerts") == {"subscribed": True}
        assert (await refused(url, token))["code"] == code


async def test_an_officer_whose_rights_change_has_to_come_again(
    sockets: FastAPI, url: str, owner_engine: AsyncEngine
) -> None:
    officer = await add_officer(owner_engine)
    async with ear(url, await token_of(sockets, owner_engine, officer)) as client:
        await _do(owner_engine, "UPDATE users SET preset = 'auditor' WHERE id = :id", id=officer.id)
        assert (await client.hear("closing"))["detail"] == "Your rights have changed; refresh the token"
        await client.ended()


async def test_a_socket_ends_with_its_token_unless_a_newer_one_is_shown(
    sockets: FastAPI, url: str, owner_engine: AsyncEngine
) -> None:
    person = await add_customer(owner_engine)
    session_id = await session_for(owner_engine, person)
    sign = sockets.state.parts.tokens.sign
    soon = int(time.time()) + 6
    short, long = sign(claims_of(person, session_id, exp=soon)), sign(claims_of(person, session_id))
    stranger = await token_of(sockets, owner_engine, await add_customer(owner_engine))
    async with ear(url, short) as ends, ear(url, short) as stays:
        told = await stays.ask("authenticate", {"token": stranger})
        assert (told["code"], told["status"]) == ("bad_token", 401)
        renewed = await stays.ask("authenticate", {"token": long})
        assert datetime.fromisoformat(renewed["expires_at"]).timestamp() > soon + 60
        assert (await ends.hear("closing"))["code"] == "bad_token"
        await ends.ended()
        assert time.time() >= soon
        assert await stays.ask("subscribe_alerts") == {"subscribed": True}


async def test_pages_of_named_origins_alone_may_open_sockets(
    sockets: FastAPI, url: str, owner_engine: AsyncEngine
) -> None:
    own = sockets.state.parts.settings.public_url
    address = f"{url}/socket.io/?EIO=4&transport="
    async with aiohttp.ClientSession() as http:
        for origin, status in {
            ELSEWHERE: 200,
            own: 200,
            "https://app.aurum.example.evil.example": 403,
            "null": 403,
        }.items():
            async with http.get(f"{address}polling", headers={"Origin": origin}) as polled:
                assert (origin, polled.status) == (origin, status)
                told = polled.headers.getall("Access-Control-Allow-Origin", [])
                assert told == ([ELSEWHERE] if origin == ELSEWHERE else [])
                assert ('"code":"origin_refused"' in await polled.text()) == (status == 403)
            if status == 200:
                async with http.ws_connect(f"{address}websocket", headers={"Origin": origin}) as opened:
                    assert (await opened.receive_str()).startswith('0{"sid"')
            else:
                with pytest.raises(aiohttp.WSServerHandshakeError) as turned_away:
                    await http.ws_connect(f"{address}websocket", headers={"Origin": origin})
                assert turned_away.value.status == 403


async def test_a_person_has_so_many_sockets(api_settings: Settings, owner_engine: AsyncEngine) -> None:
    person = await add_customer(owner_engine)
    app = create_app(api_settings.model_copy(update={"sockets": SocketLimits(per_person=2)}))
    async with app.router.lifespan_context(app), listening(app) as url:
        token = await token_of(app, owner_engine, person)
        async with ear(url, token) as first, ear(url, token):
            told = await refused(url, token)
            assert (told["code"], told["status"]) == ("too_many_sockets", 429)
            await first.client.disconnect()
            await first.ended()
            await until(lambda: len(sockets_of(app)) == 1)
            async with ear(url, token) as another:
                assert await another.ask("subscribe_alerts") == {"subscribed": True}


@pytest.mark.parametrize(
    "frame",
    [
        "no message",
        "4",
        "42",
        "42[1]",
        "42[]",
        '42["e',
        '42["' + "x" * 100 + '"]',
        '42["subscribe_quotes",[NaN]]',
        '42["a",' + "[" * 3000 + "]" * 3000 + "]",
        "4null",
        '4{"a":1}',
        '451-["e",{"_placeholder":true,"num":0}]',
        "44{}",
        "43[]",
        "b4AAAA",
        '42["subscribe_quotes","' + "X" * 20_000 + '"]',
    ],
)
async def test_what_is_no_message_ends_the_connection(
    frame: str, sockets: FastAPI, url: str, owner_engine: AsyncEngine
) -> None:
    token = await token_of(sockets, owner_engine, await add_customer(owner_engine))
    async with raw(url, token) as opened:
        await opened.send_str(frame)
        closed = await until_closed(opened)
        assert (closed.data, closed.extra in {"malformed", "invalid_request"}) == (1008, True)


async def test_binary_messages_are_not_taken(sockets: FastAPI, url: str, owner_engine: AsyncEngine) -> None:
    token = await token_of(sockets, owner_engine, await add_customer(owner_engine))
    async with raw(url, token) as opened:
        await opened.send_bytes(b"anything")
        assert (await until_closed(opened)).data == 1008


async def test_a_polled_body_is_held_to_the_same(sockets: FastAPI, url: str) -> None:
    async with polling(url) as client:
        for body, status in ((b"\xff", 422), (b"42[]", 422), (b"4" * 20_000, 413)):
            assert await client.send(body) == (status, "application/problem+json")


async def test_a_flood_is_refused_and_then_cut(api_settings: Settings, owner_engine: AsyncEngine) -> None:
    many = api_settings.limits.model_copy(update={"other": Rates(user="20/year", address="1000/year")})
    app = create_app(api_settings.model_copy(update={"limits": many, "sockets": SocketLimits(messages=60)}))
    person = await add_customer(owner_engine)
    async with app.router.lifespan_context(app), listening(app) as url:
        token = await token_of(app, owner_engine, person)
        async with raw(url, token) as opened:
            answers: list[Any] = []
            for number in range(200):
                await opened.send_str(f'42{number}["subscribe_alerts"]')
            async for message in opened:
                assert message.type is aiohttp.WSMsgType.TEXT
                if message.data.startswith("43"):
                    answers.append(json.loads(message.data[message.data.index("[") :])[0])
            assert opened.close_code == 1008
        # One of the twenty was the coming in.
        codes = [one.get("code") for one in answers]
        assert codes[:19] == [None] * 19
        assert set(codes[19:]) == {"rate_limited"}
        assert answers[-1]["retry_after"] >= 1


async def test_whoever_shows_no_token_is_hung_up_on(
    sockets: FastAPI, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_STRANGER_SECONDS", 0.1)
    monkeypatch.setattr(server, "_SWEEP_SECONDS", 0.05)
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket") as opened,
    ):
        await opened.receive_str()
        closed = await until_closed(opened)
        assert (closed.data, closed.extra) == (1008, "not_authenticated")
    async with polling(url) as client:
        await client.hear("1")
        assert await client.status() == 400


async def test_what_nobody_answers_to_is_said(sockets: FastAPI, url: str, owner_engine: AsyncEngine) -> None:
    token = await token_of(sockets, owner_engine, await add_customer(owner_engine))
    async with ear(url, token) as client:
        told = await client.ask("subscribe_everything", {"please": True})
        assert (told["code"], told["status"], told["error"]) == ("unknown_event", 404, "Unknown event")
        wrong = await client.ask("subscribe_quotes", {"symbols": []})
        assert (wrong["code"], wrong["status"]) == ("invalid_request", 422)


async def test_operators_see_sockets(sockets: FastAPI, url: str, owner_engine: AsyncEngine) -> None:
    token = await token_of(sockets, owner_engine, await add_customer(owner_engine))
    await refused(url, "forged")
    async with ear(url, token), AsyncClient(base_url=url) as http:
        lines = (await http.get("/metrics")).text.splitlines()
    assert "aurum_sockets 1.0" in lines
    assert 'aurum_sockets_refused_total{code="bad_token"} 1.0' in lines


async def test_a_process_has_so_many_connections(api_settings: Settings, database: Database) -> None:
    app = create_app(api_settings.model_copy(update={"sockets": SocketLimits(sockets=1)}))
    async with app.router.lifespan_context(app), listening(app) as url, aiohttp.ClientSession() as http:
        address = f"{url}/socket.io/?EIO=4&transport=websocket"
        async with http.ws_connect(address) as first, http.ws_connect(address) as second:
            for opened in (first, second):
                assert (await opened.receive_str()).startswith("0{")
            async with http.ws_connect(address) as third:
                closed = await until_closed(third)
                assert (closed.data, closed.extra) == (server.TRY_AGAIN_LATER, "too_many_sockets")
