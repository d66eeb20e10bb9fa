"""pacs.028 as it comes to us: a bank asks where the answer to its request is."""

from infra.providers.bank.received import Part
from models.bank import ParsedMessage, UnreadableMessage
from models.bank_investigations import AskedAfter


def read_status_request(message_type: str, document: Part) -> ParsedMessage:
    """One question per payment, or one about a whole message of theirs. Raises `UnreadableMessage` where it names
    nothing."""
    message = document.needed("FIToFIPmtStsReq")
    header = message.needed("GrpHdr")
    payments = message.parts("TxInf")
    asked = tuple(_asked(message, payment) for payment in payments) or (_asked(message, None),)
    return ParsedMessage(
        message_type=message_type,
        message_id=header.needed_text("MsgId"),
        created_at=header.moment("CreDtTm"),
        inquiries=asked,
    )


def _asked(message: Part, payment: Part | None) -> AskedAfter:
    named = {} if payment is None else _references(payment)
    parts = [message] if payment is None else [payment, message]
    asked = AskedAfter(
        original_message_id=_first([part.reference("OrgnlGrpInf/OrgnlMsgId") for part in parts]),
        original_message_type=_first([part.text("OrgnlGrpInf/OrgnlMsgNmId") for part in parts]),
        **named,
    )
    if not asked.names:
        raise UnreadableMessage("it says of no payment and of no message which it is")
    return asked


def _references(payment: Part) -> dict[str, str | None]:
    return {
        "end_to_end_id": payment.reference("OrgnlEndToEndId"),
        "transaction_id": payment.reference("OrgnlTxId"),
        "uetr": payment.uetr("OrgnlUETR"),
    }


def _first(found: list[str | None]) -> str | None:
    return next((one for one in found if one is not None), None)
