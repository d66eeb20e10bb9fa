"""Market data by HTTP: what is told, in which form, and what is refused."""

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.tables.market import sessions
from tests.factories import market
from tests.factories.auth import signed_in
from tests.factories.users import add_customer

URL = "/api/v1/market"


@pytest.fixture
async def me(app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine) -> AsyncClient:
    await market.opened(owner_engine)
    client.headers.update(await signed_in(app, owner_engine, await add_customer(owner_engine)))
    return client


async def test_a_quote_says_what_it_is_worth(me: AsyncClient) -> None:
    answered = await me.get(f"{URL}/securities/xalde/quote")
    assert answered.status_code == 200, answered.text
    quote = answered.json()
    assert (quote["symbol"], quote["simulated"], quote["source"]) == ("XALDE", True, "simulated")
    assert (quote["stale"], quote["delayed"]) == (False, False)
    assert quote["bid"] <= quote["last"] <= quote["ask"]
    assert quote["change"] == pytest.approx(quote["last"] - quote["previous_close"])
    # Prices with the decimals that they have.
    assert re.search(r'"last":\d+\.\d\d[,}]', answered.text)


async def test_a_security_is_read_and_found(me: AsyncClient) -> None:
    one = (await me.get(f"{URL}/securities/XALDE")).json()
    assert (one["name"], one["simulated"]) == ("Aldervale Robotics", True)
    found = (await me.get(f"{URL}/securities/search", params={"q": " alder "})).json()
    assert found["data"][0] == one
    assert [each["name"] for each in found["data"]] == ["Aldervale Robotics", "Calder Finch Optics"]
    assert (found["total"], found["page"], found["total_pages"]) == (2, 1, 1)
    assert (await me.get(f"{URL}/securities/search", params={"q": " "})).status_code == 422


async def test_the_status_is_that_of_the_calendar(me: AsyncClient) -> None:
    status = (await me.get(f"{URL}/status")).json()
    assert {"is_open", "session", "next_open", "next_close", "early_close"} <= status.keys()
    assert status["session"] == ("regular" if status["is_open"] else "closed")
    assert datetime.fromisoformat(status["next_open"]) > datetime.now(UTC)
    assert datetime.fromisoformat(status["next_close"]) > datetime.now(UTC)


async def test_a_day_that_an_operator_closed_is_no_session(
    me: AsyncClient, owner_engine: AsyncEngine, app: FastAPI
) -> None:
    first = (await me.get(f"{URL}/status")).json()
    async with transaction(owner_engine) as session:
        await session.execute(text("TRUNCATE market_days"))
    # What was filled again leaves a day alone of which an operator has spoken.
    day = datetime.fromisoformat(first["next_open"]).date()
    async with transaction(owner_engine) as session:
        await session.execute(
            text(
                "INSERT INTO market_days (day, opens_at, closes_at, closed, source)"
                " VALUES (:day, :opens, :closes, true, 'operator')"
            ),
            {"day": day, "opens": datetime.now(UTC), "closes": datetime.now(UTC) + timedelta(hours=1)},
        )
    await market.opened(owner_engine)
    async with transaction(owner_engine) as session:
        assert day not in {one.day for one in (await sessions(session)).days}


@pytest.mark.parametrize(
    ("wanted", "interval", "least"),
    [("1D", "5min", 1), ("5D", "30min", 53), ("1M", "1day", 19), ("6M", "1day", 120), ("1Y", "1day", 248),
     ("5Y", "1week", 255), ("max", "1month", 80)],
)  # fmt: skip
async def test_every_range_has_its_bars(me: AsyncClient, wanted: str, interval: str, least: int) -> None:
    chart = (await me.get(f"{URL}/securities/XALDE/chart", params={"range": wanted})).json()
    assert (chart["range"], chart["interval"], chart["simulated"]) == (wanted, interval, True)
    assert len(chart["data"]) >= least
    assert [bar["at"] for bar in chart["data"]] == sorted(bar["at"] for bar in chart["data"])
    assert all(bar["low"] <= min(bar["open"], bar["close"]) <= bar["high"] for bar in chart["data"])


async def test_a_picture_stands_by_itself_and_can_be_heard(me: AsyncClient) -> None:
    answered = await me.get(f"{URL}/securities/XALDE/chart", params={"range": "1Y", "format": "svg"})
    assert answered.headers["content-type"] == "image/svg+xml"
    root = ElementTree.fromstring(answered.content)
    names = {part.get("id"): part.text or "" for part in root if part.get("id")}
    assert root.get("role") == "img"
    assert (root.get("aria-labelledby") or "").split() == list(names)
    assert names["title"] == "XALDE, Aldervale Robotics: 1Y"
    assert "The prices are simulated." in names["told"]
    assert "per cent" in names["told"]
    line = next(part for part in root if part.tag.endswith("polyline"))
    assert len((line.get("points") or "").split()) >= 248
    assert not re.search(r"<script|href|url\(", answered.text)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("securities/XNONE", 404, "symbol_not_found"),
        ("securities/XNONE/quote", 404, "symbol_not_found"),
        ("securities/XNONE/chart?format=svg", 404, "symbol_not_found"),
        ("securities/XALDE/chart?range=1M&interval=1min", 400, "chart_refused"),
        ("securities/XALDE/chart?range=2M", 422, "invalid_request"),
        ("securities/%3Cscript%3E/quote", 404, "symbol_not_found"),
        ("securities/XALDEXALDEXALDEXALDE/quote", 422, "invalid_request"),
    ],
)
async def test_what_cannot_be_told_is_refused_clearly(me: AsyncClient, path: str, status: int, code: str) -> None:
    refused = await me.get(f"{URL}/{path}")
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text


async def test_a_stranger_is_told_nothing(client: AsyncClient) -> None:
    for path in ("status", "securities/XALDE/quote", "securities/search?q=a"):
        assert (await client.get(f"{URL}/{path}")).status_code == 401
