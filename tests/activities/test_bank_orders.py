"""Whose order an answer of the bank is about: a wire's or a payment's, by each reference that a message may carry."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from activities.bank import BankInbox
from infra.database import Principal, transaction
from infra.providers.bank import FolderChannel, build_camt056
from models.bank_cancellations import Outcome, OutcomeNotTrue
from models.errors import FourEyes
from models.payments import end_to_end_id
from models.tables import bank_cancellations
from models.tables.bank_cancellations import CancellationAnswer
from models.tables.payments import Payment
from tests.factories.bank import customer_report, interbank_report
from tests.factories.wires import OFFICER_RIGHTS, People, ordered, people
from tests.infra.test_bank_schemas import request

ACCEPTED = "<TxSts>ACCP</TxSts>"


@pytest.fixture
async def everybody(owner_engine: AsyncEngine) -> People:
    return await people(owner_engine)


async def scheduled(engine: AsyncEngine, everybody: People) -> UUID:
    payment_id = uuid7()
    async with transaction(engine) as session:
        session.add(
            Payment(
                id=payment_id,
                user_id=everybody.customer,
                sender_account_id=everybody.eur_account,
                status="scheduled",
                rail="sepa",
                amount_minor=100,
                fee_minor=0,
                currency="EUR",
                exponent=2,
                recipient_name="Nina Landlady",
                recipient_account_number="DE89370400440532013000",
                recipient_account_type="checking",
                recipient_is_company=False,
                category="housing",
                end_to_end_id=end_to_end_id(payment_id),
                uetr=uuid4(),
            )
        )
        await session.flush()
        await session.execute(
            text(
                "INSERT INTO bank_messages (payment_id, direction, message_type, message_id, file_name, sha256,"
                " content, status) VALUES (:id, 'outbound', 'pain.001', 'OURS-1', 'a.xml', sha256('a'), 'a', 'sent')"
            ),
            {"id": payment_id},
        )
    return payment_id


@pytest.mark.parametrize("by", ["uetr", "end_to_end_id", "message_id"])
async def test_an_answer_finds_its_payment(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, everybody: People, tmp_path: Path, by: str
) -> None:
    payment_id = await scheduled(owner_engine, everybody)
    async with transaction(owner_engine) as session:
        payment = await session.get_one(Payment, payment_id)
    content = {
        "uetr": interbank_report(f"<OrgnlUETR>{payment.uetr}</OrgnlUETR>{ACCEPTED}"),
        "end_to_end_id": interbank_report(f"<OrgnlEndToEndId>{payment.end_to_end_id}</OrgnlEndToEndId>{ACCEPTED}"),
        "message_id": customer_report(
            "<OrgnlGrpInfAndSts><OrgnlMsgId>OURS-1</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>"
            "<GrpSts>RJCT</GrpSts></OrgnlGrpInfAndSts>"
        ),
    }[by]

    await _read(worker_engine, tmp_path, content)

    async with transaction(owner_engine) as session:
        answered = (await session.execute(text("SELECT wire_id, payment_id FROM bank_answers"))).one()
        woken = (await session.execute(text("SELECT workflow, workflow_id FROM outbox"))).one()
    assert answered == (None, payment_id)
    assert woken == ("payment", f"payment/{payment_id}")


async def test_references_of_two_orders_are_for_a_person(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, everybody: People, tmp_path: Path
) -> None:
    payment_id = await scheduled(owner_engine, everybody)
    wire = await ordered(api_engine, everybody)
    said = f"<OrgnlEndToEndId>{end_to_end_id(payment_id)}</OrgnlEndToEndId><OrgnlUETR>{wire.uetr}</OrgnlUETR>"

    await _read(worker_engine, tmp_path, interbank_report(said + ACCEPTED))

    async with transaction(owner_engine) as session:
        assert (await session.execute(text("SELECT count(*) FROM bank_answers"))).scalar_one() == 0
        status = await session.execute(text("SELECT status FROM bank_messages WHERE direction = 'inbound'"))
    assert status.scalars().all() == ["quarantined"]


async def test_a_payment_that_another_bank_asks_back_is_a_case_of_its_own(
    owner_engine: AsyncEngine, api_engine: AsyncEngine, worker_engine: AsyncEngine, everybody: People, tmp_path: Path
) -> None:
    payment_id = await scheduled(owner_engine, everybody)
    asked = request(sender="MOCKNL2A", receiver="AURUNL2A", end_to_end_id=end_to_end_id(payment_id))

    await _read(worker_engine, tmp_path, build_camt056(asked, header=False))

    async with transaction(owner_engine) as session:
        opened = await session.execute(text("SELECT id, wire_id, payment_id FROM bank_cancellations"))
        case = opened.one()
        woken = await session.execute(text("SELECT workflow_id FROM outbox ORDER BY id"))
        assert woken.scalars().all() == [f"bank-cancellation/{case.id}"]
    assert (case.wire_id, case.payment_id) == (None, payment_id)

    async def says(person: Principal, outcome: Outcome, code: str | None = None) -> None:
        assert person.user_id is not None
        async with transaction(api_engine, person) as session:
            said = CancellationAnswer(
                cancellation_id=case.id,
                outcome=outcome,
                reason_code=code,
                reason="looked up",
                proposed_by=person.user_id,
            )
            await bank_cancellations.propose(session, said)

    rights = OFFICER_RIGHTS | {"transactions:read"}
    officer = Principal(user_id=everybody.officers[0], role="admin", permissions=rights)
    payer = Principal(user_id=everybody.customer, role="admin", permissions=rights)
    # It is known to us, it is not undone, and whoever pays it does not answer.
    for outcome, code in ((Outcome.CANCELLED, None), (Outcome.REJECTED, "NOOR")):
        with pytest.raises(OutcomeNotTrue):
            await says(officer, outcome, code)
    with pytest.raises(FourEyes):
        await says(payer, Outcome.REJECTED, "CUST")
    with pytest.raises(DBAPIError, match="an order of their own"):
        async with transaction(owner_engine) as session:
            await session.execute(
                text(
                    "INSERT INTO bank_cancellation_answers (cancellation_id, outcome, reason_code, reason, proposed_by)"
                    " SELECT id, 'RJCR', 'CUST', 'why not', :customer FROM bank_cancellations"
                ),
                {"customer": everybody.customer},
            )
    await says(officer, Outcome.REJECTED, "CUST")


async def _read(worker: AsyncEngine, folder: Path, content: bytes) -> None:
    inbox = folder / "inbox"
    inbox.mkdir()
    (inbox / "answer.xml").write_bytes(content)
    assert await BankInbox(worker, FolderChannel(folder / "outbox", inbox)).read_waiting() == 1
