"""camt.056 as it comes to us: a bank asks for a payment not to be paid out, or for its money back."""

from infra.providers.bank.received import Part
from infra.providers.bank.status_reports import reason_text
from models.bank import ParsedMessage, UnreadableMessage
from models.bank_investigations import AskedBack


def read_cancellation(message_type: str, document: Part) -> ParsedMessage:
    """One request per payment. Raises `UnreadableMessage` where no payment is named: a whole group is asked back by
    people, not by file."""
    message = document.needed("FIToFIPmtCxlReq")
    assignment = message.needed("Assgnmt")
    case = message.reference("Case/Id")
    asked = tuple(
        _asked(assignment, case, underlying, payment)
        for underlying in message.parts("Undrlyg")
        for payment in underlying.parts("TxInf")
    )
    if not asked:
        raise UnreadableMessage("the request names no payment by itself; a whole group is not taken back by a file")
    return ParsedMessage(
        message_type=message_type,
        message_id=assignment.needed_text("Id"),
        created_at=assignment.moment("CreDtTm"),
        cancellations=asked,
    )


def _asked(assignment: Part, case: str | None, underlying: Part, payment: Part) -> AskedBack:
    references = {
        "original_message_id": payment.reference("OrgnlGrpInf/OrgnlMsgId")
        or underlying.reference("OrgnlGrpInfAndCxl/OrgnlMsgId"),
        "instruction_id": payment.reference("OrgnlInstrId"),
        "end_to_end_id": payment.reference("OrgnlEndToEndId"),
        "transaction_id": payment.reference("OrgnlTxId"),
        "uetr": payment.uetr("OrgnlUETR"),
    }
    if not any(references.values()):
        raise UnreadableMessage(f"{payment.path} says of no payment which it is")
    amount = payment.amount("OrgnlIntrBkSttlmAmt")
    return AskedBack(
        assignment_id=assignment.needed_text("Id"),
        case_id=payment.reference("Case/Id") or case or payment.reference("CxlId"),
        assigner=assignment.text("Assgnr/Agt/FinInstnId/BICFI"),
        original_message_type=payment.reference("OrgnlGrpInf/OrgnlMsgNmId")
        or underlying.reference("OrgnlGrpInfAndCxl/OrgnlMsgNmId"),
        amount_minor=amount[0] if amount else None,
        currency=amount[1] if amount else None,
        settled_on=payment.day("OrgnlIntrBkSttlmDt"),
        reason_code=payment.text("CxlRsnInf/Rsn/Cd", "CxlRsnInf/Rsn/Prtry"),
        reason_text=reason_text(payment.parts("CxlRsnInf")),
        **references,
    )
