"""What a customer and the staff read of the messages about a wire, as the reader of the bank's files leaves them."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from lxml import etree
from sqlalchemy.ext.asyncio import AsyncEngine

from activities.bank import BankInbox
from infra.providers.bank import FolderChannel
from tests.factories import wires as make
from tests.factories.bank import customer_report
from tests.factories.wire_desk import WIRES, Customer, Door, is_refusal


@pytest.fixture
async def door(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, worker_engine: AsyncEngine, tmp_path: Path
) -> Door:
    """The API, with a sanctions list behind it."""
    await make.sanctions_list(owner_engine)
    return Door(app, client, owner_engine, worker_engine, tmp_path)


async def _released(door: Door, customer: Customer) -> dict[str, Any]:
    """A wire whose order is written."""
    wire_id = await door.awaiting(customer)
    _, officer = await door.officer("compliance_officer")
    assert (await door.approve(wire_id, officer)).status_code == 200
    await door.released(wire_id)
    return await door.seen(wire_id, customer.headers)


async def _messages(door: Door, wire_id: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    answered = await door.client.get(f"{WIRES}/{wire_id}/messages", headers=headers)
    assert answered.status_code == 200, answered.text
    assert set(answered.json()) >= {"data", "total", "page", "total_pages"}
    told: list[dict[str, Any]] = answered.json()["data"]
    return told


async def _bank_says(worker: AsyncEngine, folder: Path, *references: str) -> bytes:
    """The bank accepts the payments with these references, in one file."""
    told = "".join(
        f"<TxInfAndSts><OrgnlEndToEndId>{one}</OrgnlEndToEndId><TxSts>ACSP</TxSts></TxInfAndSts>" for one in references
    )
    content = customer_report(
        "<OrgnlGrpInfAndSts><OrgnlMsgId>A</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId></OrgnlGrpInfAndSts>"
        f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>A</OrgnlPmtInfId>{told}</OrgnlPmtInfAndSts>"
    )
    inbox = folder / "inbox"
    inbox.mkdir(exist_ok=True)
    (inbox / "report.xml").write_bytes(content)
    assert await BankInbox(worker, FolderChannel(folder / "outbox", inbox)).read_waiting() == 1
    return content


async def test_the_order_and_the_answer_are_shown_as_they_were_written(
    door: Door, worker_engine: AsyncEngine, tmp_path: Path
) -> None:
    customer = await door.customer()
    wire = await _released(door, customer)
    content = await _bank_says(worker_engine, tmp_path, wire["end_to_end_id"])
    _, auditor = await door.officer("auditor")
    for headers in (customer.headers, auditor):
        answer, order = await _messages(door, wire["id"], headers)
        assert (order["direction"], order["message_type"], order["status"]) == (
            "outbound",
            "pain.001.001.09",
            "prepared",
        )
        assert etree.fromstring(order["xml"].encode()).findtext(".//{*}EndToEndId") == wire["end_to_end_id"]
        assert (answer["direction"], answer["message_type"], answer["status"]) == ("inbound", "pain.002.001.10", "read")
        assert answer["xml"] == content.decode()
        assert set(order) == {"id", "direction", "message_type", "xml", "created_at", "status"}


async def test_a_file_about_several_customers_is_for_the_staff_alone(
    door: Door, worker_engine: AsyncEngine, tmp_path: Path
) -> None:
    first, second = await door.customer(), await door.customer()
    wires = [await _released(door, first), await _released(door, second)]
    await _bank_says(worker_engine, tmp_path, *(wire["end_to_end_id"] for wire in wires))
    for customer, wire in zip((first, second), wires, strict=True):
        assert [one["direction"] for one in await _messages(door, wire["id"], customer.headers)] == ["outbound"]
    _, officer = await door.officer("operations")
    assert [one["direction"] for one in await _messages(door, wires[0]["id"], officer)] == ["inbound", "outbound"]


async def test_a_file_that_also_names_what_is_not_ours_is_for_the_staff_alone(
    door: Door, worker_engine: AsyncEngine, tmp_path: Path
) -> None:
    customer = await door.customer()
    wire = await _released(door, customer)
    await _bank_says(worker_engine, tmp_path, wire["end_to_end_id"], "SOMEBODY-ELSES")
    assert [one["direction"] for one in await _messages(door, wire["id"], customer.headers)] == ["outbound"]
    _, officer = await door.officer("operations")
    assert [one["status"] for one in await _messages(door, wire["id"], officer)] == ["quarantined", "prepared"]


async def test_another_customers_messages_do_not_exist(door: Door) -> None:
    wire = await _released(door, await door.customer())
    stranger = await door.customer()
    is_refusal(await door.client.get(f"{WIRES}/{wire['id']}/messages", headers=stranger.headers), 404, "not_found")
    is_refusal(await door.client.get(f"{WIRES}/{wire['id']}/messages"), 401, "not_authenticated")
