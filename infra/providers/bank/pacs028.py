"""The question what became of a payment that a bank has not answered: pacs.028.001.03.

It is asked between banks alone (profile `swift`), so it always has its header. It is about one payment, and names it by
every reference that we gave it; the answer is a pacs.002 as any other.
"""

from typing import Final

from infra.providers.bank import elements
from infra.providers.bank.elements import child
from infra.providers.bank.header import enveloped
from infra.providers.bank.validate import validated
from models.bank_requests import StatusRequest

MESSAGE_TYPE: Final = "pacs.028.001.03"


def build_pacs028(request: StatusRequest) -> bytes:
    """The message to give to the bank, checked against the published schema and our own rules.

    The same request is always the same bytes. Raises `UnwritableMessage` where the result would not be valid.
    """
    document = elements.document(MESSAGE_TYPE)
    message = child(document, "FIToFIPmtStsReq")
    header = child(message, "GrpHdr")
    child(header, "MsgId", request.message_id)
    child(header, "CreDtTm", elements.moment(request.created_at))
    payment = child(message, "TxInf")
    original = child(payment, "OrgnlGrpInf")
    child(original, "OrgnlMsgId", request.original_message_id)
    child(original, "OrgnlMsgNmId", request.original_message_type)
    child(payment, "OrgnlInstrId", request.instruction_id)
    child(payment, "OrgnlEndToEndId", request.end_to_end_id)
    child(payment, "OrgnlUETR", request.uetr)
    elements.agent_by_bic(payment, "InstgAgt", request.sender)
    elements.agent_by_bic(payment, "InstdAgt", request.receiver)
    return validated(
        enveloped(
            document,
            MESSAGE_TYPE,
            message_id=request.message_id,
            sender=request.sender,
            receiver=request.receiver,
            created_at=request.created_at,
        )
    )
