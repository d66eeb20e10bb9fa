"""Our answer to a bank that asks for a payment back: camt.029.001.09.

One answer is about one payment, and repeats every reference that the request gave it. Between banks (profile `swift`)
it has its header; a correspondent whose files we exchange as a client takes the document by itself.
"""

from typing import Final

from lxml import etree

from infra.providers.bank import elements
from infra.providers.bank.charset import in_x_set
from infra.providers.bank.elements import child
from infra.providers.bank.header import enveloped
from infra.providers.bank.validate import validated
from models.bank_cancellations import Outcome, Resolution

MESSAGE_TYPE: Final = "camt.029.001.09"
# CxlStsRsnInf/AddtlInf is 105 characters, twice at most under CBPR+.
_LINE: Final = 105
# ISO 20022 CancellationIndividualStatus1Code of one payment.
_OF_PAYMENT: Final = {Outcome.CANCELLED: "ACCR", Outcome.REJECTED: "RJCR", Outcome.PENDING: "PDCR"}


def build_camt029(resolution: Resolution, *, header: bool) -> bytes:
    """The message to give to the bank, checked against the published schema and our own rules.

    The same answer is always the same bytes. Raises `UnwritableMessage` where the result would not be valid.
    """
    document = elements.document(MESSAGE_TYPE)
    message = child(document, "RsltnOfInvstgtn")
    assignment = child(message, "Assgnmt")
    child(assignment, "Id", resolution.message_id)
    elements.agent_by_bic(child(assignment, "Assgnr"), "Agt", resolution.sender)
    elements.agent_by_bic(child(assignment, "Assgne"), "Agt", resolution.receiver)
    child(assignment, "CreDtTm", elements.moment(resolution.created_at))
    child(child(message, "Sts"), "Conf", resolution.outcome)
    _payment(child(child(message, "CxlDtls"), "TxInfAndSts"), resolution)
    if not header:
        return validated(document)
    return validated(
        enveloped(
            document,
            MESSAGE_TYPE,
            message_id=resolution.message_id,
            sender=resolution.sender,
            receiver=resolution.receiver,
            created_at=resolution.created_at,
        )
    )


def _payment(payment: etree._Element, resolution: Resolution) -> None:
    asked = resolution.asked
    child(payment, "CxlStsId", resolution.status_id)
    if asked.case_id is not None:
        case = child(payment, "RslvdCase")
        child(case, "Id", asked.case_id)
        elements.agent_by_bic(child(case, "Cretr"), "Agt", resolution.receiver)
    if asked.original_message_id is not None and asked.original_message_type is not None:
        original = child(payment, "OrgnlGrpInf")
        child(original, "OrgnlMsgId", asked.original_message_id)
        child(original, "OrgnlMsgNmId", asked.original_message_type)
    for name, reference in (
        ("OrgnlInstrId", asked.instruction_id),
        ("OrgnlEndToEndId", asked.end_to_end_id),
        ("OrgnlTxId", asked.transaction_id),
        ("OrgnlUETR", asked.uetr),
    ):
        if reference is not None:
            child(payment, name, reference)
    child(payment, "TxCxlSts", _OF_PAYMENT[resolution.outcome])
    if resolution.reason_code is not None:
        why = child(payment, "CxlStsRsnInf")
        child(child(why, "Rsn"), "Cd", resolution.reason_code)
        told = in_x_set(resolution.comment, 2 * _LINE)
        for line in (told[:_LINE].strip(), told[_LINE:].strip()):
            if line:
                child(why, "AddtlInf", line)
