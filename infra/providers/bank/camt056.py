"""A request to cancel a payment that has left, or to give its money back: camt.056.001.08.

One request is about one payment and travels alone. Between banks (profile `swift`) it has its header; a correspondent
whose files we exchange as a client takes the document by itself. The case is ours to name, and the answer (camt.029)
repeats it.
"""

from typing import Final

from lxml import etree

from infra.providers.bank import elements
from infra.providers.bank.charset import in_x_set
from infra.providers.bank.elements import child
from infra.providers.bank.header import enveloped
from infra.providers.bank.validate import validated
from models.bank import CancellationRequest

MESSAGE_TYPE: Final = "camt.056.001.08"
# CxlRsnInf/AddtlInf is 105 characters, twice at most under CBPR+.
_LINE: Final = 105


def build_camt056(request: CancellationRequest, *, header: bool) -> bytes:
    """The message to give to the bank, checked against the published schema and our own rules.

    The same request is always the same bytes. Raises `UnwritableMessage` where the result would not be valid.
    """
    document = elements.document(MESSAGE_TYPE)
    message = child(document, "FIToFIPmtCxlReq")
    assignment = child(message, "Assgnmt")
    child(assignment, "Id", request.message_id)
    elements.agent_by_bic(child(assignment, "Assgnr"), "Agt", request.sender)
    elements.agent_by_bic(child(assignment, "Assgne"), "Agt", request.receiver)
    child(assignment, "CreDtTm", elements.moment(request.created_at))
    child(child(message, "CtrlData"), "NbOfTxs", "1")
    _payment(child(child(message, "Undrlyg"), "TxInf"), request)
    if not header:
        return validated(document)
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


def _payment(payment: etree._Element, request: CancellationRequest) -> None:
    child(payment, "CxlId", request.case_id)
    case = child(payment, "Case")
    child(case, "Id", request.case_id)
    elements.agent_by_bic(child(case, "Cretr"), "Agt", request.sender)
    original = child(payment, "OrgnlGrpInf")
    child(original, "OrgnlMsgId", request.original_message_id)
    child(original, "OrgnlMsgNmId", request.original_message_type)
    child(payment, "OrgnlInstrId", request.instruction_id)
    child(payment, "OrgnlEndToEndId", request.end_to_end_id)
    child(payment, "OrgnlUETR", request.uetr)
    elements.amount(payment, "OrgnlIntrBkSttlmAmt", request.amount_minor, request.currency)
    child(payment, "OrgnlIntrBkSttlmDt", request.settlement_date.isoformat())
    why = child(payment, "CxlRsnInf")
    child(child(why, "Rsn"), "Cd", request.reason)
    told = in_x_set(request.comment, 2 * _LINE)
    for line in (told[:_LINE].strip(), told[_LINE:].strip()):
        if line:
            child(why, "AddtlInf", line)
