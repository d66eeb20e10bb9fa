"""pain.002 and pacs.002: what became of the payments that we sent."""

from typing import Final

from infra.providers.bank.received import Part
from models.bank import AnswerKind, BankAnswer, ParsedMessage, UnreadableMessage

# ISO 20022 external code sets ExternalPaymentGroupStatus1Code and ExternalPaymentTransactionStatus1Code. A
# technical receipt (RCVD, ACTC) is no acceptance: the bank may still refuse.
KINDS: Final = {
    **dict.fromkeys(("ACCP", "ACSP", "ACSC", "ACCC", "ACWC", "ACWP", "ACFC", "ACIS"), AnswerKind.ACCEPTED),
    **dict.fromkeys(("RCVD", "ACTC", "PATC", "PDNG", "PRES", "BLCK"), AnswerKind.PENDING),
    "RJCT": AnswerKind.REJECTED,
    "CANC": AnswerKind.CANCELLED,
}


def read_customer_report(message_type: str, document: Part) -> ParsedMessage:
    """A pain.002. A file refused as a whole (FF01, DUPL …) gives one answer about the whole message.

    Raises `UnreadableMessage` for an unknown status and for a report that says nothing.
    """
    report = document.needed("CstmrPmtStsRpt")
    group = report.needed("OrgnlGrpInfAndSts")
    answers = [answer for batch in report.parts("OrgnlPmtInfAndSts") for answer in _of_batch(group, batch)]
    return _message(message_type, report, group, answers)


def read_interbank_report(message_type: str, document: Part) -> ParsedMessage:
    """A pacs.002. Raises `UnreadableMessage` for an unknown status and for a report that says nothing."""
    report = document.needed("FIToFIPmtStsRpt")
    # Here the group is optional; without it the report itself stands in, which has none of its elements.
    group = report.part("OrgnlGrpInfAndSts") or report
    answers = [_of_transaction(group, group, transaction) for transaction in report.parts("TxInfAndSts")]
    return _message(message_type, report, group, answers)


def _message(message_type: str, report: Part, group: Part, answers: list[BankAnswer]) -> ParsedMessage:
    status = group.text("GrpSts")
    if not answers and status is not None:
        answers = [_answer(group, status, original_message_id=group.reference("OrgnlMsgId"))]
    if not answers:
        raise UnreadableMessage("the status report gives no status, neither of a payment nor of the message")
    header = report.needed("GrpHdr")
    return ParsedMessage(
        message_type=message_type,
        message_id=header.needed_text("MsgId"),
        created_at=header.moment("CreDtTm"),
        answers=tuple(answers),
        group_status=status,
        group_reason=_reason_code(group),
    )


def _of_batch(group: Part, batch: Part) -> list[BankAnswer]:
    transactions = batch.parts("TxInfAndSts")
    if transactions:
        return [_of_transaction(group, batch, transaction) for transaction in transactions]
    status = batch.text("PmtInfSts")
    if status is None:
        return []
    return [_answer(batch, status, original_message_id=group.reference("OrgnlMsgId"))]


def _of_transaction(group: Part, batch: Part, transaction: Part) -> BankAnswer:
    status = transaction.text("TxSts") or batch.text("PmtInfSts") or group.text("GrpSts")
    if status is None:
        raise UnreadableMessage(f"{transaction.path}/TxSts is missing")
    return _answer(
        transaction,
        status,
        original_message_id=transaction.reference("OrgnlGrpInf/OrgnlMsgId") or group.reference("OrgnlMsgId"),
        instruction_id=transaction.reference("OrgnlInstrId"),
        end_to_end_id=transaction.reference("OrgnlEndToEndId"),
        uetr=transaction.uetr("OrgnlUETR"),
    )


def _answer(
    said: Part,
    status: str,
    *,
    original_message_id: str | None,
    instruction_id: str | None = None,
    end_to_end_id: str | None = None,
    uetr: str | None = None,
) -> BankAnswer:
    if status == "PART":
        raise UnreadableMessage(f"{said.path}: accepted in part (PART), without saying which part")
    if status not in KINDS:
        raise UnreadableMessage(f"{said.path}: {status[:35]} is not a status that we know")
    return BankAnswer(
        kind=KINDS[status],
        original_message_id=original_message_id,
        instruction_id=instruction_id,
        end_to_end_id=end_to_end_id,
        uetr=uetr,
        status=status,
        reason_code=_reason_code(said),
        reason_text=reason_text(said.parts("StsRsnInf")),
        bank_reference=said.reference("AcctSvcrRef", "ClrSysRef"),
    )


def _reason_code(said: Part) -> str | None:
    return said.text("StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry")


def reason_text(reasons: list[Part]) -> str | None:
    """The bank's own words about its reasons, one after the other."""
    words = [line.content for reason in reasons for line in reason.parts("AddtlInf")]
    return " ".join(word for word in words if word) or None
