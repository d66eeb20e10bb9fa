"""Letters at the console: what was told of one that came back, and an address that gets mail again."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from tests.factories import wishes
from tests.factories.users import add_customer, add_officer


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Something that keeps cookies and follows nothing by itself."""
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://aurum.test") as client:
        yield client


async def test_an_operator_sees_why_a_letter_came_back_and_lifts_its_address(
    browser: httpx.AsyncClient, owner_engine: AsyncEngine
) -> None:
    operator, customer = await add_officer(owner_engine, "operations"), await add_customer(owner_engine)
    letter = await wishes.told(owner_engine, customer.id, "Your wire has been paid", "wire.completed")
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE notifications SET status = 'sent', sent_at = now()"))
        await session.execute(
            text("SELECT take_mail_event('e', :id, 'bounce', :address, '5.1.1 gone', now(), 'bounce', true)"),
            {"id": letter, "address": customer.email},
        )
    signed_in = {"email": operator.email, "password": operator.password, "next": "/console/mail"}
    assert (await browser.post("/console/sign-in", data=signed_in)).status_code == 303
    assert "5.1.1 gone" in (await browser.get("/console/mail?status=failed")).text
    read = (await browser.get(f"/console/mail/{letter}")).text
    assert "What was told of it" in read
    page = await browser.get("/console/mail/addresses")
    assert customer.email in page.text
    action = re.search(r'action="(/console/mail/addresses/[^"]+/lift)"', page.text)
    csrf = re.search(r'name="csrf" value="([^"]+)"', page.text)
    assert action is not None
    assert csrf is not None
    done = await browser.post(action[1], data={"csrf": csrf[1], "reason": "Their server was mended"})
    assert done.headers["location"].startswith("/console/mail/addresses?said=")
    assert "Every address gets its mail" in (await browser.get("/console/mail/addresses")).text
