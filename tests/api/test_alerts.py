"""Alerts and watchlists by HTTP: set, changed, paused, deleted, and refused where they make no sense."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.watchlists import MOST_ITEMS, MOST_LISTS
from tests.factories import market
from tests.factories.auth import signed_in
from tests.factories.users import add_customer

ALERTS, LISTS = "/api/v1/alerts", "/api/v1/watchlists"


@pytest.fixture
async def me(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine) -> AsyncClient:
    await market.opened(owner_engine)
    client.headers.update(await signed_in(app, owner_engine, await add_customer(owner_engine)))
    return client


async def test_an_alert_is_set_listed_changed_paused_and_deleted(me: AsyncClient, owner_engine: AsyncEngine) -> None:
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    body = {
        "symbol": "xalde",
        "condition": "above",
        "price": "105.5",
        "repeat": True,
        "cooldown": 600,
        "expires_at": soon,
    }
    made = await me.post(ALERTS, json=body)
    assert made.status_code == 201, made.text
    alert = made.json()
    assert (alert["symbol"], alert["price"], alert["percent"], alert["status"]) == ("XALDE", 105.5, None, "active")
    assert alert["reference"] == (await me.get("/api/v1/market/securities/XALDE/quote")).json()["last"]
    assert (await me.get(ALERTS)).json()["data"] == [alert]
    url = f"{ALERTS}/{alert['id']}"
    assert (await me.get(url)).json() == alert
    paused = (await me.put(url, json={"status": "paused", "price": 99, "expires_at": None})).json()
    assert (paused["status"], paused["price"], paused["expires_at"], paused["cooldown"]) == ("paused", 99, None, 600)
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE price_alerts SET status = 'triggered', fresh = false"))
    assert (await me.put(url, json={"status": "active"})).json()["status"] == "active"
    async with transaction(owner_engine) as session:
        assert (await session.execute(text("SELECT fresh FROM price_alerts"))).scalar_one()
    assert (await me.delete(url)).status_code == 204
    assert (await me.get(url)).status_code == 404


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"symbol": "XNONE"}, 404, "symbol_not_found"),
        ({"price": None}, 422, "invalid_request"),
        ({"percent": 5}, 422, "invalid_request"),
        ({"condition": "percent_move"}, 422, "invalid_request"),
        ({"price": 0}, 422, "invalid_amount"),
        ({"price": "1.0000001"}, 422, "malformed"),
        ({"price": 10_000_001}, 422, "malformed"),
        ({"cooldown": 59}, 422, "invalid_request"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 400, "refused"),
        ({"condition": "sideways"}, 422, "invalid_request"),
    ],
)
async def test_what_makes_no_sense_is_refused(me: AsyncClient, changes: dict[str, Any], status: int, code: str) -> None:
    body = {"symbol": "XALDE", "condition": "above", "price": 105} | changes
    refused = await me.post(ALERTS, json=body)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert (await me.get(ALERTS)).json()["total"] == 0


async def test_an_alert_is_not_set_to_what_only_a_sweep_may_say(me: AsyncClient) -> None:
    body = {"symbol": "XALDE", "condition": "percent_move", "percent": 5}
    alert = (await me.post(ALERTS, json=body)).json()
    assert (alert["percent"], alert["price"]) == (5, None)
    for change in ({"status": "triggered"}, {"price": 100}):
        assert (await me.put(f"{ALERTS}/{alert['id']}", json=change)).status_code == 400


async def test_nobody_has_more_alerts_than_can_be_read(me: AsyncClient, owner_engine: AsyncEngine) -> None:
    async with transaction(owner_engine) as session:
        await session.execute(
            text(
                "INSERT INTO price_alerts (user_id, symbol, condition, level, reference)"
                " SELECT user_id, 'XALDE', 'above', 1, 1 FROM sessions, generate_series(1, 200)"
            )
        )
    refused = await me.post(ALERTS, json={"symbol": "XALDE", "condition": "above", "price": 105})
    assert (refused.status_code, refused.json()["code"]) == (400, "too_many_alerts")


async def test_a_watchlist_is_made_filled_renamed_and_deleted(me: AsyncClient) -> None:
    made = (await me.post(LISTS, json={"name": " Energy "})).json()
    assert (made["name"], made["items"]) == ("Energy", [])
    url = f"{LISTS}/{made['id']}"
    for symbol, note in (("XKEST", ""), ("xalde", "robots"), ("XKEST", "planes")):
        answered = await me.post(f"{url}/items", json={"symbol": symbol, "note": note})
        assert answered.status_code == 201, answered.text
    items = (await me.get(LISTS)).json()["data"][0]["items"]
    assert [(one["symbol"], one["note"], one["position"]) for one in items] == [
        ("XKEST", "planes", 1),
        ("XALDE", "robots", 2),
    ]
    assert (await me.put(url, json={"name": "Air"})).json()["name"] == "Air"
    assert (await me.delete(f"{url}/items/xkest")).status_code == 204
    assert (await me.delete(f"{url}/items/XKEST")).status_code == 404
    assert (await me.post(f"{url}/items", json={"symbol": "XNONE"})).json()["code"] == "symbol_not_found"
    assert (await me.delete(url)).status_code == 204
    assert (await me.get(LISTS)).json() == {"data": [], "total": 0, "page": 1, "total_pages": 1}
    assert (await me.put(url, json={"name": "Air"})).status_code == 404


async def test_lists_have_different_names_and_are_not_without_end(me: AsyncClient, owner_engine: AsyncEngine) -> None:
    first = (await me.post(LISTS, json={"name": "One"})).json()
    second = (await me.post(LISTS, json={"name": "Two"})).json()
    assert (await me.post(LISTS, json={"name": "One"})).json()["code"] == "watchlist_exists"
    assert (await me.put(f"{LISTS}/{second['id']}", json={"name": "One"})).status_code == 409
    assert (await me.put(f"{LISTS}/{first['id']}", json={"name": "One"})).status_code == 200
    async with transaction(owner_engine) as session:
        await session.execute(
            text(
                "INSERT INTO watchlists (user_id, name) SELECT user_id, 'n' || n"
                " FROM watchlists, generate_series(3, :most) n WHERE name = 'One'"
            ),
            {"most": MOST_LISTS},
        )
        await session.execute(
            text(
                "INSERT INTO watchlist_items (watchlist_id, user_id, symbol, position) SELECT id, user_id, 'S' || n, n"
                " FROM watchlists, generate_series(1, :most) n WHERE name = 'One'"
            ),
            {"most": MOST_ITEMS},
        )
    refused = [
        await me.post(LISTS, json={"name": "More"}),
        await me.post(f"{LISTS}/{first['id']}/items", json={"symbol": "XALDE"}),
    ]
    assert {(one.status_code, one.json()["code"]) for one in refused} == {(400, "too_many_watched")}
