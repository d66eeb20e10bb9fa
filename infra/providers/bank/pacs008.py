"""A payment as pacs.008.001.08 with its header head.001.001.02, profile `swift`: a bank among banks (CBPR+).

We instruct our correspondent, who debits our account with it: settlement method INDA, with that account as
settlement account. INGA, settlement on our own books, does not occur: no bank keeps an account with us.

Charges follow CBPR+: for BEN what we took out is told as charge information, zero included, beside the amount
that the customer instructed; for OUR and SHA nothing was taken out and nothing is told.
"""

from typing import Final

from lxml import etree

from infra.providers.bank import elements
from infra.providers.bank.charset import always_in_x_set, in_x_set
from infra.providers.bank.elements import child
from infra.providers.bank.header import enveloped
from infra.providers.bank.validate import validated
from models.bank import Charges, PaymentInstruction, UnwritableMessage

MESSAGE_TYPE: Final = "pacs.008.001.08"


def build_pacs008(instruction: PaymentInstruction) -> bytes:
    """The message to give to the SWIFT gateway, checked against the published schema and our own rules.

    The same instruction is always the same bytes. Raises `UnwritableMessage` where the result would not be
    valid.
    """
    document = elements.document(MESSAGE_TYPE)
    transfer = child(document, "FIToFICstmrCdtTrf")
    _group_header(transfer, instruction)
    _transaction(transfer, instruction)
    return validated(
        enveloped(
            document,
            MESSAGE_TYPE,
            message_id=instruction.message_id,
            sender=_our_bic(instruction),
            receiver=instruction.correspondent_bic,
            created_at=instruction.created_at,
        )
    )


def _our_bic(instruction: PaymentInstruction) -> str:
    bic = instruction.initiating_bank.bic
    assert bic is not None  # the model asks for it
    return bic


def _group_header(transfer: etree._Element, instruction: PaymentInstruction) -> None:
    header = child(transfer, "GrpHdr")
    child(header, "MsgId", instruction.message_id)
    child(header, "CreDtTm", elements.moment(instruction.created_at))
    child(header, "NbOfTxs", "1")
    settlement = child(header, "SttlmInf")
    child(settlement, "SttlmMtd", "INDA")
    elements.account(settlement, "SttlmAcct", instruction.nostro_account, instruction.currency)


def _transaction(transfer: etree._Element, instruction: PaymentInstruction) -> None:
    transaction = child(transfer, "CdtTrfTxInf")
    identification = child(transaction, "PmtId")
    child(identification, "InstrId", instruction.instruction_id)
    child(identification, "EndToEndId", instruction.end_to_end_id)
    child(identification, "UETR", instruction.uetr)
    elements.amount(transaction, "IntrBkSttlmAmt", instruction.amount_minor, instruction.currency)
    child(transaction, "IntrBkSttlmDt", instruction.execution_date.isoformat())
    _charges(transaction, instruction)
    elements.agent_by_bic(transaction, "InstgAgt", _our_bic(instruction))
    elements.agent_by_bic(transaction, "InstdAgt", instruction.correspondent_bic)
    elements.party(transaction, "Dbtr", instruction.debtor)
    if instruction.debtor.account is not None:
        elements.account(transaction, "DbtrAcct", instruction.debtor.account)
    elements.agent_by_bic(transaction, "DbtrAgt", _our_bic(instruction))
    _creditor_agent(transaction, instruction)
    elements.party(transaction, "Cdtr", instruction.creditor)
    if instruction.creditor.account is not None:
        elements.account(transaction, "CdtrAcct", instruction.creditor.account)
    if instruction.purpose_code is not None:
        child(child(transaction, "Purp"), "Cd", instruction.purpose_code)
    if remittance := in_x_set(instruction.remittance, 140):
        child(child(transaction, "RmtInf"), "Ustrd", remittance)


def _charges(transaction: etree._Element, instruction: PaymentInstruction) -> None:
    instructed = instruction.amount_minor + instruction.deducted_minor
    elements.amount(transaction, "InstdAmt", instructed, instruction.currency)
    child(transaction, "ChrgBr", elements.CHARGE_BEARER[instruction.charges])
    if instruction.charges is Charges.BEN:
        information = child(transaction, "ChrgsInf")
        elements.amount(information, "Amt", instruction.deducted_minor, instruction.currency)
        elements.agent_by_bic(information, "Agt", _our_bic(instruction))


def _creditor_agent(transaction: etree._Element, instruction: PaymentInstruction) -> None:
    """By BIC, and then without name and address; or by clearing number, with both or with neither (CBPR+)."""
    bank = instruction.creditor_agent
    if bank is None:
        raise UnwritableMessage("a payment whose bank only the IBAN names is written as pain.001")
    institution = child(child(transaction, "CdtrAgt"), "FinInstnId")
    if bank.bic is not None:
        child(institution, "BICFI", bank.bic)
    if bank.clearing_member_id is not None:
        elements.clearing_member(institution, bank.clearing_member_id)
    if bank.bic is None and bank.address is not None:
        child(institution, "Nm", always_in_x_set(bank.name, 140))
        elements.address(institution, bank.address)
