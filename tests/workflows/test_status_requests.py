"""A bank among banks that says nothing: it is asked once what became of the order, and its answer counts as usual."""

from datetime import timedelta
from uuid import UUID

from lxml import etree

from infra.providers.bank.validate import schema_violation
from infra.settings import BankProfile
from tests.factories.bank import HEADER, document
from tests.workflows.conftest import Desk, until
from tests.workflows.test_recalls import hears
from tests.workflows.test_wires import at_the_bank, in_balance, money, notices

DESK_SETTINGS = {"bank_profile": BankProfile.SWIFT}
SILENCE = timedelta(hours=5)


def questions(desk: Desk) -> list[etree._Element]:
    """The questions that the bank finds in its folder."""
    found = [etree.parse(str(file)).getroot() for file in desk.bank.outbox.glob("SR*.xml")]
    return [one for one in found if one.find("{*}Document") is not None]


async def asked(desk: Desk, wire_id: UUID) -> etree._Element:
    """A silent bank is asked; the question."""
    await desk.passes(wire_id, SILENCE)
    await until(lambda: desk.events(wire_id), lambda told: "status_requested" in told)
    (question,) = questions(desk)
    return question


def says(original: str, uetr: str, status: str, name: str = "pacs.008.001.08", number: int = 1) -> bytes:
    """A pacs.002 about the message `original` and the payment `uetr`."""
    group = f"<OrgnlGrpInf><OrgnlMsgId>{original}</OrgnlMsgId><OrgnlMsgNmId>{name}</OrgnlMsgNmId></OrgnlGrpInf>"
    report = f"<TxInfAndSts>{group}<OrgnlUETR>{uetr}</OrgnlUETR><TxSts>{status}</TxSts></TxInfAndSts>"
    header = HEADER.replace("BANK-1", f"BANK-{number}")
    return document("pacs.002.001.10", f"<FIToFIPmtStsRpt>{header}{report}</FIToFIPmtStsRpt>")


async def test_a_silent_bank_is_asked_once_and_its_answer_is_applied(desk: Desk) -> None:
    before, _ = await money(desk)
    wire_id = await at_the_bank(desk)
    question = await asked(desk, wire_id)
    content = question.find("{*}Document")
    assert content is not None
    assert schema_violation("pacs.028.001.03", content) is None
    (order,) = [etree.parse(str(file)).getroot() for file in desk.bank.outbox.glob("AU*.xml")]
    for asks, sent in (("OrgnlMsgId", "GrpHdr/{*}MsgId"), ("OrgnlUETR", "UETR"), ("OrgnlEndToEndId", "EndToEndId")):
        assert question.findtext(f".//{{*}}{asks}") == order.findtext(f".//{{*}}{sent}")
    assert question.findtext(".//{*}BizMsgIdr") == question.findtext(".//{*}GrpHdr/{*}MsgId")

    # Silent still: operations are told once more, and the bank is not asked again.
    await desk.passes(wire_id, SILENCE)
    await until(lambda: desk.events(wire_id), lambda told: "bank_silent_when_asked" in told)
    await desk.passes(wire_id, timedelta(days=3))
    assert len(questions(desk)) == 1
    assert await notices(desk, desk.people.operations) == ["wire.bank_silent", "wire.bank_silent_when_asked"]

    original, uetr = str(question.findtext(".//{*}OrgnlMsgId")), str(question.findtext(".//{*}OrgnlUETR"))
    await hears(desk, says(original, uetr, "RJCT"))
    outcome = await desk.process(wire_id).result()
    assert outcome.status == "failed"
    assert await money(desk) == (before, 0)
    assert await desk.events(wire_id) == [
        "ordered", "screened", "awaiting_approval", "approval_given", "released", "sent", "bank_silent",
        "status_requested", "bank_silent_when_asked", "failed",
    ]  # fmt: skip
    await in_balance(desk)


async def test_a_bank_that_cannot_take_the_question_has_not_refused_the_payment(desk: Desk) -> None:
    _, held = await money(desk)
    wire_id = await at_the_bank(desk)
    question = await asked(desk, wire_id)
    own, uetr = str(question.findtext(".//{*}GrpHdr/{*}MsgId")), str(question.findtext(".//{*}OrgnlUETR"))
    await hears(desk, says(own, uetr, "RJCT", "pacs.028.001.03"))
    await until(lambda: desk.count("bank_answers WHERE applied_at IS NOT NULL"), bool)
    assert await desk.status(wire_id) == "released"
    assert (await money(desk))[1] == held + 1_025_00
    original = str(question.findtext(".//{*}OrgnlMsgId"))
    await hears(desk, says(original, uetr, "RJCT", number=2))
    assert (await desk.process(wire_id).result()).status == "failed"
    await in_balance(desk)


async def test_a_bank_that_answers_in_time_is_not_asked(desk: Desk) -> None:
    wire_id = await at_the_bank(desk)
    (order,) = [etree.parse(str(file)).getroot() for file in desk.bank.outbox.glob("AU*.xml")]
    original, uetr = str(order.findtext(".//{*}MsgId")), str(order.findtext(".//{*}UETR"))
    await hears(desk, says(original, uetr, "ACSP"))
    await desk.reaches(wire_id, "acknowledged")
    # It has said that it has the order; that it takes long to carry it out is told and not asked.
    await desk.passes(wire_id, SILENCE)
    await until(lambda: desk.events(wire_id), lambda told: "bank_silent" in told)
    assert questions(desk) == []
    await hears(desk, says(original, uetr, "RJCT", number=2))
    assert (await desk.process(wire_id).result()).status == "failed"
