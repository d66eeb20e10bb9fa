"""camt.029: what became of a request to cancel a payment or to give its money back."""

from typing import Final

from infra.providers.bank.received import Part
from infra.providers.bank.status_reports import reason_text
from models.bank import AnswerKind, BankAnswer, ParsedMessage, UnreadableMessage

# ISO 20022 CancellationIndividualStatus1Code of one payment, and of the case
# ExternalInvestigationExecutionConfirmation1Code.
KINDS: Final = {
    **dict.fromkeys(("ACCR", "CNCL", "PECR"), AnswerKind.RECALL_ACCEPTED),
    "RJCR": AnswerKind.RECALL_REFUSED,
    **dict.fromkeys(("PDCR", "UWFW", "INFO"), AnswerKind.RECALL_PENDING),
}


def read_resolution(message_type: str, document: Part) -> ParsedMessage:
    """An answer per payment, or one about the whole case. Raises `UnreadableMessage` for an unknown outcome and for a
    message that gives none."""
    message = document.needed("RsltnOfInvstgtn")
    assignment = message.needed("Assgnmt")
    outcome = message.text("Sts/Conf")
    case = message.reference("RslvdCase/Id")
    payments = [payment for details in message.parts("CxlDtls") for payment in details.parts("TxInfAndSts")]
    answers = [_of_payment(payment, case, outcome) for payment in payments]
    if not answers and outcome is not None:
        answers = [BankAnswer(kind=_kind(message, outcome), case_id=case, status=outcome)]
    if not answers:
        raise UnreadableMessage("the answer to a recall says neither of a payment nor of the case what became of it")
    return ParsedMessage(
        message_type=message_type,
        message_id=assignment.needed_text("Id"),
        created_at=assignment.moment("CreDtTm"),
        answers=tuple(answers),
        group_status=outcome,
    )


def _of_payment(payment: Part, case: str | None, outcome: str | None) -> BankAnswer:
    status = payment.text("TxCxlSts") or outcome
    if status is None:
        raise UnreadableMessage(f"{payment.path}/TxCxlSts is missing")
    return BankAnswer(
        kind=_kind(payment, status),
        case_id=payment.reference("RslvdCase/Id") or case or payment.reference("CxlStsId"),
        original_message_id=payment.reference("OrgnlGrpInf/OrgnlMsgId"),
        instruction_id=payment.reference("OrgnlInstrId"),
        end_to_end_id=payment.reference("OrgnlEndToEndId"),
        uetr=payment.uetr("OrgnlUETR"),
        status=status,
        reason_code=payment.text("CxlStsRsnInf/Rsn/Cd", "CxlStsRsnInf/Rsn/Prtry"),
        reason_text=reason_text(payment.parts("CxlStsRsnInf")),
    )


def _kind(said: Part, status: str) -> AnswerKind:
    if status not in KINDS:
        raise UnreadableMessage(f"{said.path}: {status[:35]} is not an outcome of a recall that we know")
    return KINDS[status]
