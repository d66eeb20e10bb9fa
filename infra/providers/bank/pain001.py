"""A payment as pain.001.001.09, profile `correspondent`: we are a corporate client of our correspondent bank.

The debtor is our bank with its nostro account, which the correspondent debits and decides by; the customer
who pays is the ultimate debtor, whose address and account travel along (31 CFR 1010.410(f), Regulation (EU)
2023/1113). A SEPA credit transfer differs in its service level (SEPA), its charges (SLEV) and in that the
IBAN alone may name the bank of the creditor (EPC132-08). One file holds one batch, and one batch one payment,
so that a rejected file never takes another payment with it.
"""

from lxml import etree

from infra.providers.bank import elements
from infra.providers.bank.charset import always_in_x_set, in_x_set
from infra.providers.bank.elements import child
from infra.providers.bank.validate import validated
from models.bank import PaymentInstruction, Scheme

MESSAGE_TYPE = "pain.001.001.09"


def build_pain001(instruction: PaymentInstruction) -> bytes:
    """The file to give to the correspondent, checked against the published schema and our own rules.

    The same instruction is always the same bytes. Raises `UnwritableMessage` where the result would not be
    valid.
    """
    root = elements.document(MESSAGE_TYPE)
    initiation = child(root, "CstmrCdtTrfInitn")
    _group_header(initiation, instruction)
    _payment_information(initiation, instruction)
    return validated(root)


def _group_header(initiation: etree._Element, instruction: PaymentInstruction) -> None:
    header = child(initiation, "GrpHdr")
    child(header, "MsgId", instruction.message_id)
    child(header, "CreDtTm", elements.moment(instruction.created_at))
    child(header, "NbOfTxs", "1")
    child(header, "CtrlSum", elements.decimals(instruction.amount_minor, instruction.currency))
    _our_bank(header, "InitgPty", instruction)


def _our_bank(parent: etree._Element, name: str, instruction: PaymentInstruction) -> None:
    us = elements.party(parent, name, instruction.initiating_bank)
    child(child(child(us, "Id"), "OrgId"), "AnyBIC", instruction.initiating_bank.bic)


def _payment_information(initiation: etree._Element, instruction: PaymentInstruction) -> None:
    batch = child(initiation, "PmtInf")
    child(batch, "PmtInfId", instruction.message_id)
    child(batch, "PmtMtd", "TRF")
    child(batch, "BtchBookg", "false")
    child(batch, "NbOfTxs", "1")
    child(batch, "CtrlSum", elements.decimals(instruction.amount_minor, instruction.currency))
    sepa = instruction.scheme is Scheme.SEPA
    # A wire is no bulk credit transfer: the correspondent is to use its urgent rail.
    child(child(child(batch, "PmtTpInf"), "SvcLvl"), "Cd", "SEPA" if sepa else "URGP")
    child(child(batch, "ReqdExctnDt"), "Dt", instruction.execution_date.isoformat())
    _our_bank(batch, "Dbtr", instruction)
    elements.account(batch, "DbtrAcct", instruction.nostro_account, instruction.currency)
    elements.agent_by_bic(batch, "DbtrAgt", instruction.correspondent_bic)
    child(batch, "ChrgBr", "SLEV" if sepa else elements.CHARGE_BEARER[instruction.charges])
    _transaction(batch, instruction)


def _transaction(batch: etree._Element, instruction: PaymentInstruction) -> None:
    transaction = child(batch, "CdtTrfTxInf")
    identification = child(transaction, "PmtId")
    child(identification, "InstrId", instruction.instruction_id)
    child(identification, "EndToEndId", instruction.end_to_end_id)
    child(identification, "UETR", instruction.uetr)
    elements.amount(child(transaction, "Amt"), "InstdAmt", instruction.amount_minor, instruction.currency)
    _ultimate_debtor(transaction, instruction)
    _creditor_agent(transaction, instruction)
    elements.party(transaction, "Cdtr", instruction.creditor)
    if instruction.creditor.account is not None:
        elements.account(transaction, "CdtrAcct", instruction.creditor.account)
    if instruction.purpose_code is not None:
        child(child(transaction, "Purp"), "Cd", instruction.purpose_code)
    if remittance := in_x_set(instruction.remittance, 140):
        child(child(transaction, "RmtInf"), "Ustrd", remittance)


def _ultimate_debtor(transaction: etree._Element, instruction: PaymentInstruction) -> None:
    customer = elements.party(transaction, "UltmtDbtr", instruction.debtor)
    if instruction.debtor.account is not None:
        # An ultimate debtor has no account element; the travel rule still wants the number that was debited.
        other = child(child(child(customer, "Id"), "PrvtId"), "Othr")
        child(other, "Id", instruction.debtor.account)
        child(child(other, "SchmeNm"), "Prtry", "ACCT")
        child(other, "Issr", instruction.initiating_bank.bic)


def _creditor_agent(transaction: etree._Element, instruction: PaymentInstruction) -> None:
    bank = instruction.creditor_agent
    if bank is None:
        return
    institution = child(child(transaction, "CdtrAgt"), "FinInstnId")
    if bank.bic is not None:
        child(institution, "BICFI", bank.bic)
    if bank.clearing_member_id is not None:
        elements.clearing_member(institution, bank.clearing_member_id)
    child(institution, "Nm", always_in_x_set(bank.name, 140))
    if bank.address is not None:
        elements.address(institution, bank.address)
