"""The process of a recall, with time skipped: each way it can end, and the money and the books after it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from lxml import etree
from sqlalchemy import text
from temporalio.client import WorkflowHandle

from infra.database import transaction
from models.errors import NotFound, WrongState
from models.tables import wires
from models.wires.recalls import RecallOpen, RecallReason, RecallState, RecallWindowOver
from tests.factories import investigations as bank_says
from tests.factories.wires import person
from tests.workflows.conftest import Desk, until
from tests.workflows.test_wires import at_the_bank, awaiting, in_balance, money, notices


async def asked(desk: Desk, wire_id: UUID, reason: RecallReason = RecallReason.DUPLICATE, **facts: datetime) -> UUID:
    """The customer asks for the wire back."""
    async with transaction(desk.api_engine, desk.people.as_customer()) as session:
        recall = await wires.ask_back(
            session,
            wire_id,
            desk.people.customer,
            reason=reason,
            comment="Zweimal bezahlt – 100 %",
            always_open=True,
            at=facts.get("at", datetime.now(UTC)),
        )
    await desk.dispatch()
    return recall.id


async def request(desk: Desk, recall_id: UUID) -> etree._Element:
    """The request as the bank finds it, once it was sent."""
    await until(lambda: desk.count(f"bank_messages WHERE status = 'sent' AND recall_id = '{recall_id}'"), bool)
    return bank_says.request_in(desk.bank.outbox)


async def hears(desk: Desk, *contents: bytes) -> None:
    """The bank puts these files into our folder; we read them and wake who is meant."""
    for content in contents:
        number = await desk.count("bank_messages")
        (desk.bank.inbox / f"answer-{number}.xml").write_bytes(content)
        await desk.parts.inbox.read_waiting()
        await desk.dispatch()


def process(desk: Desk, recall_id: UUID) -> WorkflowHandle[object, RecallState]:
    return desk.client.get_workflow_handle(f"wire-recall/{recall_id}", result_type=RecallState)


async def ends(desk: Desk, recall_id: UUID) -> RecallState:
    """How the recall ended. What its wire says to it goes by the outbox, which is sent here as the relay does it."""

    async def closed() -> bool:
        await desk.dispatch()
        return bool((await process(desk, recall_id).describe()).close_time)

    await until(closed, bool)
    return await process(desk, recall_id).result()


async def completed(desk: Desk) -> UUID:
    """A wire that the bank has carried out."""
    wire_id = await at_the_bank(desk)
    await desk.hear_bank()
    assert (await desk.process(wire_id).result()).status == "completed"
    return wire_id


async def test_the_bank_agrees_and_the_money_comes_back_less_charges(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await completed(desk)
    recall_id = await asked(desk, wire_id)
    sent = await request(desk, recall_id)
    await hears(desk, bank_says.resolution(sent, "CNCL"))
    await until(lambda: desk.events(wire_id), lambda told: "recall_accepted" in told)
    assert await desk.status(wire_id) == "completed"
    await hears(desk, bank_says.money_back(sent, "985.00"))
    outcome = await ends(desk, recall_id)
    assert (outcome.status, outcome.wire_status) == ("returned", "returned")
    assert await money(desk) == (before - 25_00 - 15_00, 0)
    told = await desk.events(wire_id)
    assert told[-5:] == ["recall_requested", "recall_sent", "recall_accepted", "returned", "recall_returned"]
    events = await until(lambda: notices(desk, desk.people.customer), lambda told: len(told) == 5)
    assert sorted(events) == [
        "wire.completed", "wire.recall_accepted", "wire.recall_returned", "wire.recall_sent", "wire.returned",
    ]  # fmt: skip
    async with transaction(desk.engine) as session:
        legs = await session.execute(
            text(
                "SELECT p.amount_minor FROM postings p JOIN transactions t ON t.id = p.transaction_id"
                " WHERE t.idempotency_key = :key ORDER BY 1"
            ),
            {"key": f"wire/{wire_id}/return"},
        )
        assert legs.scalars().all() == [-985_00, -15_00, 1_000_00]
    await in_balance(desk, f"wire/{wire_id}/return", f"wire/{wire_id}/settlement")


async def test_the_request_says_what_was_sent_and_is_written_once(desk: Desk) -> None:
    wire_id = await completed(desk)
    recall_id = await asked(desk, wire_id)
    sent = await request(desk, recall_id)
    async with transaction(desk.engine) as session:
        wire = await wires.find(session, wire_id)
    assert sent.findtext(".//{*}OrgnlUETR") == str(wire.uetr)
    assert sent.findtext(".//{*}OrgnlEndToEndId") == wire.end_to_end_id
    assert sent.findtext(".//{*}OrgnlMsgNmId") == "pain.001.001.09"
    assert sent.findtext(".//{*}OrgnlIntrBkSttlmAmt") == "1000.00"
    assert sent.findtext(".//{*}CxlRsnInf/{*}Rsn/{*}Cd") == "DUPL"
    assert sent.findtext(".//{*}CxlRsnInf/{*}AddtlInf") == "Zweimal bezahlt - 100 ."
    await hears(desk, bank_says.resolution(sent, "RJCR", reason="NOAS"))
    await ends(desk, recall_id)


async def test_the_bank_refuses_and_the_wire_stays_paid(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await completed(desk)
    recall_id = await asked(desk, wire_id, RecallReason.CUSTOMER)
    sent = await request(desk, recall_id)
    await hears(
        desk,
        bank_says.resolution(sent, "PDCR"),
        bank_says.resolution(sent, "RJCR", reason="CUST", text="The creditor does not agree"),
    )
    outcome = await ends(desk, recall_id)
    assert (outcome.status, outcome.answer_code) == ("refused", "CUST")
    assert await desk.status(wire_id) == "completed"
    assert await money(desk) == (before - 1_025_00, 0)
    assert (await notices(desk, desk.people.customer))[-1] == "wire.recall_refused"
    await in_balance(desk, f"wire/{wire_id}/settlement")


async def test_before_settlement_the_bank_stops_the_payment_and_the_hold_is_released(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await at_the_bank(desk)
    recall_id = await asked(desk, wire_id, RecallReason.FRAUD)
    sent = await request(desk, recall_id)
    await hears(desk, bank_says.resolution(sent, "CNCL"))
    # The bank's word is not the end of the payment: what releases the money is the payment's own report.
    await until(lambda: desk.events(wire_id), lambda told: "recall_accepted" in told)
    assert await money(desk) == (before, 1_025_00)
    await hears(desk, bank_says.stopped(sent))
    assert (await ends(desk, recall_id)).status == "stopped"
    assert (await desk.process(wire_id).result()).status == "failed"
    assert await money(desk) == (before, 0)
    await in_balance(desk)


async def test_a_bank_that_cannot_take_the_request_has_not_refused_the_payment(desk: Desk) -> None:
    wire_id = await at_the_bank(desk)
    recall_id = await asked(desk, wire_id, RecallReason.TECHNICAL)
    await hears(desk, bank_says.not_taken(await request(desk, recall_id)))
    outcome = await ends(desk, recall_id)
    assert (outcome.status, outcome.answer_code) == ("failed", "FF01")
    assert await desk.status(wire_id) == "released"
    await desk.hear_bank()
    assert (await desk.process(wire_id).result()).status == "completed"
    await in_balance(desk, f"wire/{wire_id}/settlement")


async def test_nobody_answers_so_operations_are_reminded_and_nothing_is_decided(desk: Desk) -> None:
    wire_id = await completed(desk)
    recall_id = await asked(desk, wire_id)
    sent = await request(desk, recall_id)
    await desk.time.fast_forward(process(desk, recall_id), timedelta(days=24))
    await until(lambda: desk.events(wire_id), lambda told: told.count("recall_overdue") >= 2)
    told = await desk.events(wire_id)
    assert told[told.index("recall_sent") :] == ["recall_sent", "recall_reminded", "recall_overdue", "recall_overdue"]
    assert len(await notices(desk, desk.people.operations)) == 3
    assert "wire.recall_overdue" in await notices(desk, desk.people.customer)
    assert (await desk.count(f"wire_recalls WHERE id = '{recall_id}' AND status = 'sent'")) == 1
    await hears(desk, bank_says.resolution(sent, "RJCR", reason="LEGL"))
    assert (await ends(desk, recall_id)).status == "refused"


async def test_a_wire_that_has_not_left_is_cancelled_and_not_recalled(desk: Desk) -> None:
    wire_id = await awaiting(desk)
    with pytest.raises(WrongState, match="cancel it instead"):
        await asked(desk, wire_id)
    stranger = await person(desk.engine, "Mallory Other")
    with pytest.raises(NotFound):
        async with transaction(
            desk.api_engine, desk.people.as_customer().model_copy(update={"user_id": stranger})
        ) as session:
            await wires.ask_back(
                session,
                wire_id,
                stranger,
                reason=RecallReason.FRAUD,
                comment="",
                always_open=True,
                at=datetime.now(UTC),
            )


async def test_one_recall_at_a_time_and_each_in_its_window(desk: Desk) -> None:
    wire_id = await completed(desk)
    late = datetime.now(UTC) + timedelta(days=12)
    with pytest.raises(RecallWindowOver):
        await asked(desk, wire_id, RecallReason.DUPLICATE, at=late)
    with pytest.raises(RecallWindowOver):
        await asked(desk, wire_id, RecallReason.WRONG_ACCOUNT, at=late + timedelta(days=400))
    first = await asked(desk, wire_id, RecallReason.WRONG_ACCOUNT, at=late)
    with pytest.raises(RecallOpen):
        await asked(desk, wire_id)
    sent = await request(desk, first)
    await hears(desk, bank_says.resolution(sent, "RJCR", reason="AC04"))
    await ends(desk, first)
    assert await desk.count("wire_recalls") == 1


async def test_money_that_comes_back_twice_is_posted_once_and_told_to_operations(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await completed(desk)
    recall_id = await asked(desk, wire_id)
    sent = await request(desk, recall_id)
    await hears(desk, bank_says.money_back(sent, "1000.00"))
    await ends(desk, recall_id)
    await hears(desk, bank_says.money_back(sent, "1000.00", reference="RTR-2"))
    await until(lambda: desk.events(wire_id), lambda told: "bank_answer_disputed" in told)
    assert await money(desk) == (before - 25_00, 0)
    assert any("disputed" in event for event in await notices(desk, desk.people.operations))
    await in_balance(desk, f"wire/{wire_id}/return", f"wire/{wire_id}/settlement")
