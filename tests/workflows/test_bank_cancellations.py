"""A bank asks for money back: a case under a clock, two people who answer it, and the answer that the bank finds."""

from datetime import timedelta
from uuid import UUID

import pytest
from lxml import etree
from sqlalchemy import text
from temporalio.client import WorkflowHandle

from infra.database import transaction
from infra.providers.bank import build_camt056, read_answers
from infra.providers.bank.validate import schema_violation
from models.bank import AnswerKind
from models.bank_cancellations import CancellationState, Outcome, OutcomeNotTrue
from models.errors import FourEyes
from models.tables import bank_cancellations
from models.tables.bank_cancellations import CancellationAnswer
from tests.factories.counterparty import MONDAY
from tests.infra.test_bank_schemas import request as asked_back
from tests.workflows.conftest import Desk, until
from tests.workflows.test_quarantine import operators
from tests.workflows.test_recalls import hears
from tests.workflows.test_wires import at_the_bank, in_balance, money, notices


async def opened(desk: Desk, **facts: object) -> UUID:
    """A bank asks for a payment back; the case."""
    content = build_camt056(asked_back(sender="MOCKNL2A", receiver="AURUNL2A", **facts), header=False)
    await hears(desk, content)
    async with transaction(desk.engine) as session:
        case_id: UUID = (await session.execute(text("SELECT id FROM bank_cancellations"))).scalar_one()
    return case_id


async def proposed(desk: Desk, case_id: UUID, outcome: Outcome, reason_code: str | None) -> UUID:
    """One of operations proposes an answer."""
    maker, _ = await operators(desk)
    assert maker.user_id is not None
    answer = CancellationAnswer(
        cancellation_id=case_id,
        outcome=outcome,
        reason_code=reason_code,
        comment="We have looked – nothing",
        reason="looked through the books",
        proposed_by=maker.user_id,
    )
    async with transaction(desk.api_engine, maker) as session:
        return (await bank_cancellations.propose(session, answer)).id


async def answered(desk: Desk, case_id: UUID, outcome: Outcome, reason_code: str | None = None) -> etree._Element:
    """Two people answer; the answer as the bank finds it."""
    answer_id = await proposed(desk, case_id, outcome, reason_code)
    _, checker = await operators(desk)
    assert checker.user_id is not None
    async with transaction(desk.api_engine, checker) as session:
        at = MONDAY.astimezone()
        await bank_cancellations.confirm(session, case_id, answer_id, checker.user_id, at, request_id=None)
    await desk.dispatch()
    file = desk.bank.outbox / f"RI{answer_id.hex}.xml"

    async def there() -> bool:
        return file.exists()

    await until(there, bool)
    found: etree._Element = etree.fromstring(file.read_bytes())
    return found


def process(desk: Desk, case_id: UUID) -> WorkflowHandle[object, CancellationState]:
    return desk.client.get_workflow_handle(f"bank-cancellation/{case_id}", result_type=CancellationState)


async def told_operations(desk: Desk, count: int) -> list[str]:
    """What operations were told, once it is so much."""
    told: list[str] = await until(lambda: notices(desk, desk.people.operations), lambda seen: len(seen) >= count)
    return told


async def test_a_payment_that_never_came_is_refused_by_two_people(desk: Desk) -> None:
    case_id = await opened(desk)
    assert await told_operations(desk, 1) == ["operations.cancellation"]
    answer = await answered(desk, case_id, Outcome.REJECTED, "NOOR")
    assert schema_violation("camt.029.001.09", answer) is None
    (said,) = read_answers(etree.tostring(answer), strict=True).answers
    facts = asked_back()
    assert (said.kind, said.case_id, said.uetr) == (AnswerKind.RECALL_REFUSED, facts.case_id, facts.uetr)
    assert (said.end_to_end_id, said.reason_code) == (facts.end_to_end_id, "NOOR")
    assert said.original_message_id == facts.original_message_id
    assert (await process(desk, case_id).result()).ended
    assert await desk.count("bank_cancellation_answers WHERE status = 'sent'") == 1
    assert await desk.count("bank_cancellations WHERE status = 'answered'") == 1


async def test_a_delay_is_said_first_and_the_end_follows(desk: Desk) -> None:
    case_id = await opened(desk)
    delay = await answered(desk, case_id, Outcome.PENDING, "RQDA")
    assert delay.findtext(".//{*}Sts/{*}Conf") == "PDCR"
    await until(lambda: desk.count("bank_cancellation_answers WHERE status = 'sent'"), bool)
    assert await desk.count("bank_cancellations WHERE status = 'open'") == 1
    end = await answered(desk, case_id, Outcome.REJECTED, "CUST")
    assert end.findtext(".//{*}TxCxlSts") == "RJCR"
    assert (await process(desk, case_id).result()).ended


async def test_nobody_answers_so_operations_are_reminded_and_nothing_is_said(desk: Desk) -> None:
    case_id = await opened(desk)
    await told_operations(desk, 1)
    await desk.time.fast_forward(process(desk, case_id), timedelta(days=24))
    await told_operations(desk, 4)
    async with transaction(desk.engine) as session:
        rows = await session.execute(
            text("SELECT subject FROM notifications WHERE user_id = :who ORDER BY id"), {"who": desk.people.operations}
        )
        subjects = list(rows.scalars())
    assert subjects[:3] == [
        "Another bank asks for money back",
        "Another bank still waits",
        "Another bank waits for an answer, which is overdue",
    ]
    assert await desk.count("bank_messages WHERE direction = 'outbound'") == 0
    await answered(desk, case_id, Outcome.REJECTED, "LEGL")
    assert (await process(desk, case_id).result()).ended


async def test_a_wire_of_ours_is_not_called_cancelled_while_it_is_paid(desk: Desk) -> None:
    wire_id = await at_the_bank(desk)
    await desk.hear_bank()
    assert (await desk.process(wire_id).result()).status == "completed"
    before = await money(desk)
    async with transaction(desk.engine) as session:
        found = await session.execute(text("SELECT uetr::text FROM wire_transfers WHERE id = :id"), {"id": wire_id})
    case_id = await opened(desk, uetr=found.scalar_one())
    assert await desk.count(f"bank_cancellations WHERE wire_id = '{wire_id}'") == 1
    for outcome, code in ((Outcome.CANCELLED, None), (Outcome.REJECTED, "NOOR"), (Outcome.REJECTED, None)):
        with pytest.raises(OutcomeNotTrue):
            await proposed(desk, case_id, outcome, code)
    await answered(desk, case_id, Outcome.REJECTED, "AGNT")
    await process(desk, case_id).result()
    assert await money(desk) == before
    assert await desk.status(wire_id) == "completed"
    await in_balance(desk, f"wire/{wire_id}/settlement")


async def test_a_credit_that_lies_unbooked_can_be_given_back(desk: Desk) -> None:
    desk.bank.credit("USD", 700_00)
    await desk.parts.inbox.read_waiting()
    async with transaction(desk.engine) as session:
        await session.execute(text("UPDATE quarantined_answers SET end_to_end_id = 'THEIRS-1'"))
    case_id = await opened(desk, end_to_end_id="THEIRS-1")
    assert await desk.count("bank_cancellations WHERE credit_message_id IS NOT NULL") == 1
    answer = await answered(desk, case_id, Outcome.CANCELLED)
    assert (answer.findtext(".//{*}Sts/{*}Conf"), answer.findtext(".//{*}TxCxlSts")) == ("CNCL", "ACCR")
    await in_balance(desk)


async def test_nobody_confirms_their_own_answer_and_a_bank_asks_once(desk: Desk) -> None:
    case_id = await opened(desk)
    answer_id = await proposed(desk, case_id, Outcome.REJECTED, "NOOR")
    async with transaction(desk.engine) as session:
        maker = (await session.execute(text("SELECT proposed_by FROM bank_cancellation_answers"))).scalar_one()
    with pytest.raises(FourEyes):
        async with transaction(desk.engine) as session:
            await bank_cancellations.confirm(session, case_id, answer_id, maker, MONDAY.astimezone(), request_id=None)
    again = asked_back(sender="MOCKNL2A", receiver="AURUNL2A", message_id="RC0002")
    await hears(desk, build_camt056(again, header=False))
    assert await desk.count("bank_cancellations") == 1
    assert await desk.count("bank_messages WHERE status = 'quarantined' AND reason LIKE 'asked back already%'") == 1
    async with transaction(desk.engine) as session:
        await bank_cancellations.refuse(session, case_id, answer_id, maker, MONDAY.astimezone())
    await answered(desk, case_id, Outcome.REJECTED, "NOOR")
    await process(desk, case_id).result()
