"""pacs.004: a payment that had settled comes back, whole or less charges."""

from infra.providers.bank.received import Part
from infra.providers.bank.status_reports import reason_text
from models.bank import AnswerKind, BankAnswer, ParsedMessage, UnreadableMessage


def read_return(message_type: str, document: Part) -> ParsedMessage:
    """One answer per returned payment. Raises `UnreadableMessage` where none is named, or no amount."""
    message = document.needed("PmtRtr")
    header = message.needed("GrpHdr")
    answers = tuple(_answer(message, header, transaction) for transaction in message.parts("TxInf"))
    if not answers:
        raise UnreadableMessage("the return names no payment")
    return ParsedMessage(
        message_type=message_type,
        message_id=header.needed_text("MsgId"),
        created_at=header.moment("CreDtTm"),
        answers=answers,
    )


def _answer(message: Part, header: Part, transaction: Part) -> BankAnswer:
    returned = transaction.amount("RtrdIntrBkSttlmAmt")
    if returned is None:
        raise UnreadableMessage(f"{transaction.path}/RtrdIntrBkSttlmAmt is missing")
    amount_minor, currency = returned
    original = transaction.amount("OrgnlIntrBkSttlmAmt")
    reasons = transaction.parts("RtrRsnInf")
    return BankAnswer(
        kind=AnswerKind.RETURNED,
        original_message_id=transaction.reference("OrgnlGrpInf/OrgnlMsgId")
        or message.reference("OrgnlGrpInf/OrgnlMsgId"),
        instruction_id=transaction.reference("OrgnlInstrId"),
        end_to_end_id=transaction.reference("OrgnlEndToEndId"),
        uetr=transaction.uetr("OrgnlUETR"),
        amount_minor=amount_minor,
        currency=currency,
        original_amount_minor=original[0] if original and original[1] == currency else None,
        reason_code=transaction.text("RtrRsnInf/Rsn/Cd", "RtrRsnInf/Rsn/Prtry"),
        reason_text=reason_text(reasons),
        value_on=transaction.day("IntrBkSttlmDt") or header.day("IntrBkSttlmDt"),
        bank_reference=transaction.reference("RtrId"),
    )
