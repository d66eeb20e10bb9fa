"""What a bank can say, message by message, in the shapes and versions that we read."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.providers.bank import UnreadableMessage, read_answers
from models.bank import AnswerKind
from tests.factories.bank import HEADER, customer_report, document, entry, interbank_report, notification


class TestStatusReports:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            ("ACCP", AnswerKind.ACCEPTED),
            ("ACSC", AnswerKind.ACCEPTED),
            ("ACCC", AnswerKind.ACCEPTED),
            ("ACTC", AnswerKind.PENDING),
            ("RCVD", AnswerKind.PENDING),
            ("PDNG", AnswerKind.PENDING),
            ("RJCT", AnswerKind.REJECTED),
            ("CANC", AnswerKind.CANCELLED),
        ],
    )
    def test_what_a_status_means(self, status: str, kind: AnswerKind) -> None:
        message = read_answers(interbank_report(f"<OrgnlEndToEndId>E</OrgnlEndToEndId><TxSts>{status}</TxSts>"))

        (answer,) = message.answers
        assert (answer.kind, answer.status, answer.end_to_end_id) == (kind, status, "E")
        assert (message.message_type, message.message_id) == ("pacs.002.001.10", "BANK-1")
        assert message.created_at == datetime(2026, 11, 20, 10, tzinfo=UTC)

    def test_an_interbank_rejection_by_uetr_inside_an_envelope(self) -> None:
        uetr = "EB6305C9-1F7A-4D2E-8B5C-0123456789AB"
        report = interbank_report(
            "<OrgnlGrpInf><OrgnlMsgId>M-1</OrgnlMsgId><OrgnlMsgNmId>pacs.008.001.08</OrgnlMsgNmId></OrgnlGrpInf>"
            f"<OrgnlEndToEndId>NOTPROVIDED</OrgnlEndToEndId><OrgnlUETR>{uetr}</OrgnlUETR><TxSts>RJCT</TxSts>"
            "<StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>closed</AddtlInf><AddtlInf>since May</AddtlInf></StsRsnInf>"
        )
        wrapped = (
            b'<s:DataPDU xmlns:s="urn:swift:saa"><s:Body><AppHdr xmlns="urn:x"/>' + report + b"</s:Body></s:DataPDU>"
        )

        (answer,) = read_answers(wrapped).answers

        assert answer.uetr == uetr.lower()
        assert answer.end_to_end_id is None
        assert answer.original_message_id == "M-1"
        assert (answer.reason_code, answer.reason_text) == ("AC04", "closed since May")

    @pytest.mark.parametrize("version", ["03", "10", "12", "14"])
    def test_a_file_rejected_as_a_whole(self, version: str) -> None:
        message = read_answers(
            customer_report(
                "<OrgnlGrpInfAndSts><OrgnlMsgId>M-1</OrgnlMsgId><OrgnlMsgNmId>pain.001.001.09</OrgnlMsgNmId>"
                "<GrpSts>RJCT</GrpSts><StsRsnInf><Rsn><Prtry>B17</Prtry></Rsn></StsRsnInf></OrgnlGrpInfAndSts>",
                version,
            )
        )

        (answer,) = message.answers
        assert (answer.kind, answer.original_message_id, answer.reason_code) == (AnswerKind.REJECTED, "M-1", "B17")
        assert (message.group_status, message.group_reason) == ("RJCT", "B17")

    def test_a_status_of_the_batch_holds_for_its_payments(self) -> None:
        group = "<OrgnlGrpInfAndSts><OrgnlMsgId>M-1</OrgnlMsgId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>"
        payment = "<TxInfAndSts><OrgnlEndToEndId>A</OrgnlEndToEndId></TxInfAndSts>"
        one = f"<OrgnlPmtInfAndSts><PmtInfSts>ACCP</PmtInfSts>{payment}</OrgnlPmtInfAndSts>"
        two = "<OrgnlPmtInfAndSts><PmtInfSts>RJCT</PmtInfSts></OrgnlPmtInfAndSts>"

        first, second = read_answers(customer_report(group + one + two)).answers

        assert (first.kind, first.end_to_end_id) == (AnswerKind.ACCEPTED, "A")
        assert (second.kind, second.original_message_id) == (AnswerKind.REJECTED, "M-1")

    @pytest.mark.parametrize(
        ("rest", "complaint"),
        [
            ("<OrgnlGrpInfAndSts><OrgnlMsgId>M</OrgnlMsgId></OrgnlGrpInfAndSts>", "gives no status"),
            ("<OrgnlGrpInfAndSts><OrgnlMsgId>M</OrgnlMsgId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>", "in part"),
            ("<OrgnlGrpInfAndSts><OrgnlMsgId>M</OrgnlMsgId><GrpSts>OKAY</GrpSts></OrgnlGrpInfAndSts>", "OKAY is not"),
            ("", "OrgnlGrpInfAndSts is missing"),
        ],
    )
    def test_a_report_that_says_nothing(self, rest: str, complaint: str) -> None:
        with pytest.raises(UnreadableMessage, match=complaint):
            read_answers(customer_report(rest))


class TestAccountReports:
    @pytest.mark.parametrize(
        ("direction", "more", "kind"),
        [
            ("DBIT", "", AnswerKind.BOOKED),
            ("CRDT", "", AnswerKind.RECEIVED),
            ("CRDT", "<RvslInd>true</RvslInd>", AnswerKind.RETURNED),
            ("DBIT", "<RvslInd>1</RvslInd>", AnswerKind.TAKEN_BACK),
            ("DBIT", "<RvslInd>false</RvslInd>", AnswerKind.BOOKED),
        ],
    )
    def test_which_way_the_money_went(self, direction: str, more: str, kind: AnswerKind) -> None:
        (answer,) = read_answers(notification(entry(direction, more=more))).answers

        assert (answer.kind, answer.amount_minor, answer.account) == (kind, 1_000, "900100")
        assert answer.booked_on == date(2026, 11, 20)
        assert answer.bank_reference == "REF-1"

    @pytest.mark.parametrize("status", ["<Cd>PDNG</Cd>", "<Cd>INFO</Cd>", "<Prtry>SOON</Prtry>", ""])
    def test_what_is_not_booked_moves_nothing(self, status: str) -> None:
        (answer,) = read_answers(notification(entry("DBIT", status=status))).answers

        assert answer.kind is AnswerKind.PENDING

    def test_the_oldest_shape(self) -> None:
        details = (
            "<NtryDtls><TxDtls><Refs><EndToEndId>E</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy='USD'>9.99</Amt></TxAmt>"
            "</AmtDtls><RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls></NtryDtls>"
        )

        (answer,) = read_answers(notification(entry("CRDT", status="BOOK", details=details), "02")).answers

        assert (answer.kind, answer.amount_minor, answer.reason_code) == (AnswerKind.RETURNED, 999, "AC04")

    def test_a_batch_entry_is_as_many_answers_as_it_has_payments(self) -> None:
        one = "<TxDtls><Refs><EndToEndId>{0}</EndToEndId></Refs><Amt Ccy='USD'>{1}</Amt></TxDtls>"
        details = f"<NtryDtls>{one.format('A', '4.00')}{one.format('B', '6.00')}</NtryDtls>"

        answers = read_answers(notification(entry("DBIT", details=details))).answers

        assert [(a.end_to_end_id, a.amount_minor) for a in answers] == [("A", 400), ("B", 600)]

    def test_a_batch_entry_that_does_not_say_how_it_divides(self) -> None:
        details = "<NtryDtls><TxDtls/><TxDtls/></NtryDtls>"

        with pytest.raises(UnreadableMessage, match="does not say its amount"):
            read_answers(notification(entry("DBIT", details=details)))

    @pytest.mark.parametrize(
        ("wrong", "complaint"),
        [
            ('<Amt Ccy="USD">ten</Amt>', "not an amount"),
            ('<Amt Ccy="USD">1e3</Amt>', "not an amount"),
            ('<Amt Ccy="USD">-1.00</Amt>', "not an amount"),
            ('<Amt Ccy="USD">1.001</Amt>', "has 2 decimals"),
            ('<Amt Ccy="XXX">1.00</Amt>', "XXX"),
            ("<Amt>1.00</Amt>", "currency"),
            ('<Amt Ccy="USD">٣</Amt>', "not an amount"),
            ("", "does not say its amount"),
        ],
    )
    def test_an_amount_that_is_none(self, wrong: str, complaint: str) -> None:
        content = notification(entry("DBIT")).replace(b'<Amt Ccy="USD">10.00</Amt>', wrong.encode())

        with pytest.raises(UnreadableMessage, match=complaint):
            read_answers(content)

    @given(st.integers(0, 10**15 - 1))
    def test_every_amount_is_read_exactly(self, minor: int) -> None:
        content = notification(entry("DBIT")).replace(b">10.00<", b">%d.%02d<" % divmod(minor, 100))

        assert read_answers(content).answers[0].amount_minor == minor


class TestReturns:
    def test_a_return_less_charges(self) -> None:
        body = (
            f"<PmtRtr>{HEADER}<TxInf><RtrId>R-1</RtrId><OrgnlEndToEndId>E</OrgnlEndToEndId>"
            '<OrgnlIntrBkSttlmAmt Ccy="EUR">100.00</OrgnlIntrBkSttlmAmt>'
            '<RtrdIntrBkSttlmAmt Ccy="EUR">90.00</RtrdIntrBkSttlmAmt><IntrBkSttlmDt>2026-11-24</IntrBkSttlmDt>'
            "<RtrRsnInf><Rsn><Cd>FOCR</Cd></Rsn></RtrRsnInf></TxInf></PmtRtr>"
        )

        (answer,) = read_answers(document("pacs.004.001.09", body)).answers

        assert (answer.kind, answer.amount_minor, answer.original_amount_minor) == (AnswerKind.RETURNED, 9_000, 10_000)
        assert (answer.reason_code, answer.value_on) == ("FOCR", date(2026, 11, 24))

    def test_a_return_of_nothing(self) -> None:
        with pytest.raises(UnreadableMessage, match="names no payment"):
            read_answers(document("pacs.004.001.09", f"<PmtRtr>{HEADER}</PmtRtr>"))
