"""Both ways by the published schemas: what we write, what our reader takes, and what it leaves to a person."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from infra.providers.bank import UnreadableMessage, build_camt029, build_camt056, build_pacs028, read_answers
from infra.providers.bank.validate import schema_violation
from models.bank import AnswerKind, CancellationRequest, UnwritableMessage
from models.bank_cancellations import Outcome, Resolution
from models.bank_requests import StatusRequest
from tests.factories import investigations as bank_says
from tests.factories.bank import instruction, interbank_report
from tests.factories.counterparty import Counterparty


def request(**changes: Any) -> CancellationRequest:
    """A complete request to give the payment of `instruction()` back."""
    sent = instruction()
    facts: dict[str, Any] = {
        "message_id": "RC0001",
        "case_id": "R0001",
        "created_at": datetime(2026, 11, 24, 9, tzinfo=UTC),
        "sender": "AURUNL2A",
        "receiver": "MOCKNL2A",
        "original_message_id": sent.message_id,
        "original_message_type": "pacs.008.001.08",
        "instruction_id": sent.instruction_id,
        "end_to_end_id": sent.end_to_end_id,
        "uetr": sent.uetr,
        "amount_minor": sent.amount_minor,
        "currency": sent.currency,
        "settlement_date": date(2026, 11, 20),
        "reason": "DUPL",
    }
    return CancellationRequest(**facts | changes)


@pytest.mark.parametrize("header", [True, False])
def test_a_recall_is_valid_and_always_the_same_bytes(header: bool) -> None:
    content = build_camt056(request(comment="x" * 300), header=header)
    assert content == build_camt056(request(comment="x" * 300), header=header)
    root = etree.fromstring(content)
    document = root if not header else root.find("{*}Document")
    assert document is not None
    assert schema_violation("camt.056.001.08", document) is None
    assert [len(line.text or "") for line in document.iterfind(".//{*}AddtlInf")] == [105, 105]
    assert header == (root.findtext(".//{*}BizMsgIdr") == "RC0001")


def test_what_we_ask_back_is_read_as_others_ask_us() -> None:
    facts = request(comment="Paid twice")
    for header in (True, False):
        (asked,) = read_answers(build_camt056(facts, header=header), strict=True).cancellations
        assert asked.assignment_id == facts.message_id
        assert (asked.case_id, asked.assigner, asked.uetr) == (facts.case_id, facts.sender, facts.uetr)
        assert (asked.original_message_id, asked.original_message_type) == (
            facts.original_message_id,
            facts.original_message_type,
        )
        assert (asked.instruction_id, asked.end_to_end_id) == (facts.instruction_id, facts.end_to_end_id)
        assert (asked.amount_minor, asked.currency) == (facts.amount_minor, facts.currency)
        assert (asked.settled_on, asked.reason_code) == (facts.settlement_date, "DUPL")
        assert asked.reason_text == "Paid twice"


def test_a_request_that_names_no_payment_is_for_people() -> None:
    content = build_camt056(request(), header=False)
    nameless = re.sub(rb"<Orgnl(GrpInf|InstrId|EndToEndId|UETR)>.*?</Orgnl\1>", b"", content, flags=re.DOTALL)
    with pytest.raises(UnreadableMessage, match="of no payment"):
        read_answers(nameless, strict=True)
    with pytest.raises(UnreadableMessage, match="names no payment"):
        read_answers(re.sub(rb"<TxInf>.*</TxInf>", b"", content, flags=re.DOTALL), strict=True)


def resolution(**changes: Any) -> Resolution:
    """A complete answer to `request()`."""
    (asked,) = read_answers(build_camt056(request(), header=False)).cancellations
    facts: dict[str, Any] = {
        "message_id": "RI0001",
        "status_id": "S0001",
        "created_at": datetime(2026, 11, 25, 9, tzinfo=UTC),
        "sender": "MOCKNL2A",
        "receiver": "AURUNL2A",
        "asked": asked,
        "outcome": Outcome.REJECTED,
        "reason_code": "NOAS",
        "comment": "No answer",
    }
    return Resolution(**facts | changes)


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize(
    ("outcome", "reason", "kind"),
    [
        (Outcome.REJECTED, "NOAS", AnswerKind.RECALL_REFUSED),
        (Outcome.CANCELLED, None, AnswerKind.RECALL_ACCEPTED),
        (Outcome.PENDING, "PTNA", AnswerKind.RECALL_PENDING),
    ],
)
def test_what_we_answer_is_valid_and_read_as_others_answer_us(
    header: bool, outcome: Outcome, reason: str | None, kind: AnswerKind
) -> None:
    ours = resolution(outcome=outcome, reason_code=reason)
    content = build_camt029(ours, header=header)
    assert content == build_camt029(ours, header=header)
    told = read_answers(content, strict=True)
    (answer,) = told.answers
    assert (told.message_id, told.group_status) == ("RI0001", outcome)
    assert (answer.kind, answer.case_id, answer.reason_code) == (kind, "R0001", reason)
    assert (answer.instruction_id, answer.end_to_end_id, answer.uetr) == (
        request().instruction_id,
        request().end_to_end_id,
        request().uetr,
    )
    assert answer.reason_text == ("No answer" if reason else None)


def test_an_answer_that_would_not_be_valid_does_not_leave() -> None:
    with pytest.raises(UnwritableMessage, match="x-set"):
        build_camt029(resolution(asked=resolution().asked.model_copy(update={"case_id": "C_1"})), header=False)
    with pytest.raises(UnwritableMessage, match="test BIC"):
        build_camt029(resolution(receiver="AURUNL20"), header=True)


def question(**changes: Any) -> StatusRequest:
    """What became of the payment of `instruction()`?"""
    facts = request().model_dump(include=set(StatusRequest.model_fields))
    return StatusRequest(**facts | {"message_id": "SR0001"} | changes)


def test_a_question_is_valid_says_what_was_asked_and_is_always_the_same_bytes() -> None:
    asked = question()
    content = build_pacs028(asked)
    assert content == build_pacs028(asked)
    root = etree.fromstring(content)
    document = root.find("{*}Document")
    assert document is not None
    assert schema_violation("pacs.028.001.03", document) is None
    read = StatusRequest(
        message_id=root.findtext(".//{*}GrpHdr/{*}MsgId"),
        created_at=root.findtext(".//{*}GrpHdr/{*}CreDtTm"),
        sender=root.findtext(".//{*}InstgAgt//{*}BICFI"),
        receiver=root.findtext(".//{*}InstdAgt//{*}BICFI"),
        original_message_id=root.findtext(".//{*}OrgnlMsgId"),
        original_message_type=root.findtext(".//{*}OrgnlMsgNmId"),
        instruction_id=root.findtext(".//{*}OrgnlInstrId"),
        end_to_end_id=root.findtext(".//{*}OrgnlEndToEndId"),
        uetr=root.findtext(".//{*}OrgnlUETR"),
    )
    assert read == asked


def test_a_question_of_another_bank_is_read() -> None:
    asked = question(original_message_type="camt.056.001.08")
    told = read_answers(build_pacs028(asked), strict=True)
    assert (told.message_type, told.message_id, told.answers) == ("pacs.028.001.03", "SR0001", ())
    (one,) = told.inquiries
    assert (one.original_message_id, one.end_to_end_id, one.uetr) == (
        asked.original_message_id,
        asked.end_to_end_id,
        asked.uetr,
    )
    assert one.after_request


WHOLE = (
    '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.028.001.{version}"><FIToFIPmtStsReq><GrpHdr><MsgId>Q1</MsgId>'
    "<CreDtTm>2026-12-15T09:00:00Z</CreDtTm></GrpHdr>{about}</FIToFIPmtStsReq></Document>"
)
ABOUT = "<OrgnlGrpInf><OrgnlMsgId>RC1</OrgnlMsgId><OrgnlMsgNmId>pacs.008.001.08</OrgnlMsgNmId></OrgnlGrpInf>"


def test_a_question_about_a_whole_message_names_that() -> None:
    (one,) = read_answers(WHOLE.format(version="03", about=ABOUT).encode(), strict=True).inquiries
    assert (one.names, one.after_request) == ("RC1", False)


@pytest.mark.parametrize(
    ("version", "about", "says"),
    [("03", "", "says of no payment"), ("03", "<TxInf></TxInf>", "says of no payment"), ("01", ABOUT, "versions 03")],
)
def test_a_question_about_nothing_is_not_read(version: str, about: str, says: str) -> None:
    with pytest.raises(UnreadableMessage, match=says):
        read_answers(WHOLE.format(version=version, about=about).encode(), strict=True)


def test_a_question_that_would_not_be_valid_does_not_leave() -> None:
    with pytest.raises(UnwritableMessage, match="test BIC"):
        build_pacs028(question(receiver="MOCKNL20"))


@pytest.mark.parametrize("changes", [{"sender": "AURUNL20"}, {"amount_minor": 10**17, "currency": "USD"}])
def test_what_would_not_be_valid_does_not_leave(changes: dict[str, Any]) -> None:
    with pytest.raises((UnwritableMessage, ValueError)):
        build_camt056(request(**changes), header=True)


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        ("CNCL", AnswerKind.RECALL_ACCEPTED),
        ("RJCR", AnswerKind.RECALL_REFUSED),
        ("PDCR", AnswerKind.RECALL_PENDING),
    ],
)
def test_every_outcome_of_a_recall_is_read(outcome: str, kind: AnswerKind) -> None:
    asked = etree.fromstring(build_camt056(request(), header=False))
    told = read_answers(bank_says.resolution(asked, outcome, reason="NOAS", text="Not now"), strict=True)
    (answer,) = told.answers
    assert (answer.kind, answer.case_id, answer.uetr) == (kind, "R0001", request().uetr)
    assert (answer.reason_code, answer.reason_text) == ("NOAS", "Not now")


def test_an_outcome_of_the_whole_case_is_read() -> None:
    asked = etree.fromstring(build_camt056(request(), header=False))
    whole = bank_says.resolution(asked, "RJCR").replace(b"<TxCxlSts>RJCR</TxCxlSts>", b"")
    assert [answer.kind for answer in read_answers(whole, strict=True).answers] == [AnswerKind.RECALL_REFUSED]
    with pytest.raises(UnreadableMessage, match="not an outcome"):
        read_answers(whole.replace(b"RJCR", b"WHAT"))


def test_the_other_answers_of_the_tests_are_valid_too() -> None:
    asked = etree.fromstring(build_camt056(request(), header=False))
    for content in (bank_says.money_back(asked, "985.00"), bank_says.stopped(asked), bank_says.not_taken(asked)):
        assert read_answers(content, strict=True).answers


def test_what_breaks_its_schema_is_read_only_where_a_person_says_so() -> None:
    content = interbank_report("<OrgnlEndToEndId>W1</OrgnlEndToEndId><TxSts>ACSP</TxSts><TxSts>RJCT</TxSts>")
    with pytest.raises(UnreadableMessage, match=r"no valid pacs\.002\.001\.10"):
        read_answers(content, strict=True)
    assert read_answers(content).answers[0].kind is AnswerKind.ACCEPTED


def test_everything_that_the_counterparty_writes_is_valid(tmp_path: Path) -> None:
    bank = Counterparty(tmp_path)
    try:
        bank.until(date(2026, 11, 27))
        files = list(bank.inbox.iterdir())
        assert files
        for file in files:
            read_answers(file.read_bytes(), strict=True)
    finally:
        bank.close()
