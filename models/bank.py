"""What we tell a bank and what a bank tells us, apart from how a message writes it.

A `PaymentInstruction` holds the facts of one payment; the bank channel writes it as ISO 20022. A
`ParsedMessage` holds what one received file says, as `BankAnswer`s. Amounts are whole minor units of their
currency (`models.money`).

Texts keep the characters a customer wrote: transliteration to the SWIFT character set, and cutting to the
length of an element, happen when the message is written, so that screening and the customer see the original.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from models.bank_investigations import AskedAfter, AskedBack
from models.errors import Malformed
from models.money import MAX_MINOR, exponent

# ISO 20022's value for a mandatory identifier that the sender does not know.
NOT_PROVIDED: Final = "NOTPROVIDED"


class UnreadableMessage(Malformed):
    """A file from the bank that is not a message we read; it goes to quarantine, for a person to look at."""

    code = "unreadable_message"
    title = "Unreadable bank message"


class UnwritableMessage(Malformed):
    """A payment that cannot be written as a valid message. Nothing has left; trying again would not help."""

    code = "unwritable_message"
    title = "Payment cannot be written as a bank message"


def _without_loose_slashes(reference: str) -> str:
    # CBPR+: a reference neither starts nor ends with a slash, nor has two in a row (a separator in MT).
    if reference.startswith("/") or reference.endswith("/") or "//" in reference:
        msg = "a reference neither starts nor ends with '/', nor has '//'"
        raise ValueError(msg)
    return reference


# The characters are the SWIFT x-set without line breaks.
Reference = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9/\-?:().,'+ ]{1,35}$"), AfterValidator(_without_loose_slashes)
]
# The reference that banks hand on: 16 characters, since CBPR+ keeps it the size of MT field 20.
InstructionId = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9/\-?:().,'+ ]{1,16}$"), AfterValidator(_without_loose_slashes)
]
AccountNumber = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9/\-?:().,'+]{1,34}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Bic = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$")]
RoutingNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{9}$")]
PurposeCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4}$")]
Uetr = Annotated[
    str, StringConstraints(pattern=r"^[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}$")
]
Text = Annotated[str, StringConstraints(min_length=1)]
MinorUnits = Annotated[int, Field(strict=True, ge=0, le=MAX_MINOR)]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Charges(StrEnum):
    """Who pays the banks (MT field 71A): the sender all, each side its own, or the receiver all."""

    OUR = "OUR"
    SHA = "SHA"
    BEN = "BEN"


class Scheme(StrEnum):
    """By what rules a payment travels: as an urgent one by itself, or as a SEPA credit transfer (EPC rulebook)."""

    URGENT = "urgent"
    SEPA = "sepa"


class PostalAddress(_Fact):
    """A structured address. Town and country are the least that CBPR+ takes since November 2026."""

    street: Text | None = None
    building: Text | None = None
    town: Text
    postal_code: Text | None = None
    country: Country


class Party(_Fact):
    """A customer, a beneficiary or a bank. `clearing_member_id` is an ABA routing number (system USABA)."""

    name: Text
    address: PostalAddress | None = None
    account: AccountNumber | None = None
    bic: Bic | None = None
    clearing_member_id: RoutingNumber | None = None


class PaymentInstruction(_Fact):
    """One credit transfer, complete: whoever writes it adds nothing and asks nobody.

    `amount_minor` is what the correspondent is told to pay. Where the receiver bears the charges (BEN), ours
    have already been taken out of it and are told as `deducted_minor`; the customer's order was the sum of
    both. `nostro_account` is our account at the correspondent, which is debited. `created_at` is part of the
    content: the same instruction written twice is the same bytes. In SEPA the IBAN names the bank of the creditor
    too, and each side pays its own bank.
    """

    message_id: Reference
    instruction_id: InstructionId
    end_to_end_id: Reference
    uetr: Uetr
    amount_minor: MinorUnits = Field(gt=0)
    deducted_minor: MinorUnits = 0
    currency: Currency
    execution_date: date
    charges: Charges
    scheme: Scheme = Scheme.URGENT
    purpose_code: PurposeCode | None = None
    remittance: Annotated[str, StringConstraints(max_length=140)] = ""
    created_at: AwareDatetime
    initiating_bank: Party
    correspondent_bic: Bic
    nostro_account: AccountNumber
    debtor: Party
    creditor: Party
    creditor_agent: Party | None

    @model_validator(mode="after")
    def _can_be_carried_out(self) -> Self:
        exponent(self.currency)
        if self.initiating_bank.bic is None:
            raise ValueError("the initiating bank is known by its BIC")
        if self.creditor.account is None:
            raise ValueError("a payment names the account of the creditor")
        if self.scheme is Scheme.SEPA:
            if self.currency != "EUR" or self.charges is not Charges.SHA:
                raise ValueError("a SEPA credit transfer is in EUR, and each side pays its own bank (SHA)")
        elif self.creditor_agent is None or not (self.creditor_agent.bic or self.creditor_agent.clearing_member_id):
            raise ValueError("the bank of the creditor is known by its BIC or its clearing member id")
        if self.deducted_minor and self.charges is not Charges.BEN:
            raise ValueError("charges are taken out of the amount only where the creditor bears them (BEN)")
        return self


class CancellationRequest(_Fact):
    """What a recall asks of the bank: one payment of ours not to be paid, or given back. Banks are named by BIC.

    The `original_…` members are those of the order as it was sent; `amount_minor` and `settlement_date` too.
    """

    message_id: Reference
    case_id: InstructionId
    created_at: AwareDatetime
    sender: Bic
    receiver: Bic
    original_message_id: Reference
    original_message_type: str
    instruction_id: InstructionId
    end_to_end_id: Reference
    uetr: Uetr
    amount_minor: MinorUnits = Field(gt=0)
    currency: Currency
    settlement_date: date
    reason: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{4}$")]
    comment: str = ""


class AnswerKind(StrEnum):
    """What an answer means for the payment it is about.

    `pending` moves nothing: the bank has the payment and has not decided, or an entry is not booked yet.
    `booked` is our account debited, `returned` our money back on it, `received` money that somebody else sent
    us and `taken_back` an earlier credit that the bank reversed. `corrected` moves nothing either: the payment
    arrived, and the bank of the recipient says how the next one is to name the account (an ACH notification of
    change; `reason_code` C01 to C09, the corrected data in `reason_text`). `statement_entry` repeats on a statement
    what a notification told, so it is for reconciliation and never for posting. The `recall` kinds answer a
    request of ours to give a payment back; they move no money, which comes by a message of its own.
    """

    ACCEPTED = "accepted"
    PENDING = "pending"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    BOOKED = "booked"
    RETURNED = "returned"
    RECEIVED = "received"
    TAKEN_BACK = "taken_back"
    CORRECTED = "corrected"
    STATEMENT_ENTRY = "statement_entry"
    RECALL_ACCEPTED = "recall_accepted"
    RECALL_REFUSED = "recall_refused"
    RECALL_PENDING = "recall_pending"


class EntryDirection(StrEnum):
    """The side of our account at the bank that an entry is on."""

    CREDIT = "credit"
    DEBIT = "debit"


class BankAnswer(_Fact):
    """What the bank says about one payment, or about all payments of one message.

    Without an `end_to_end_id` and a `uetr` the answer is about every payment of `original_message_id`;
    without that as well the bank could not read who it was from. `NOTPROVIDED` never appears here: it is read
    as None.

    `status` is the ISO 20022 status (`ACSC`, `RJCT` …), `reason_code` the ISO reason (`AC04`, `DUPL` …) or
    the bank's own. `amount_minor` of a return is what came back, `original_amount_minor` what was sent: the
    difference is charges. A return is told twice, by a pacs.004 and by the credit notification;
    `bank_reference` is the bank's own reference. `case_id` is ours, of the recall that is answered.
    """

    kind: AnswerKind
    original_message_id: str | None = None
    case_id: str | None = None
    instruction_id: str | None = None
    end_to_end_id: str | None = None
    uetr: str | None = None
    amount_minor: MinorUnits | None = None
    currency: Currency | None = None
    original_amount_minor: MinorUnits | None = None
    direction: EntryDirection | None = None
    account: str | None = None
    status: str | None = None
    reason_code: str | None = None
    reason_text: str | None = None
    booked_on: date | None = None
    value_on: date | None = None
    bank_reference: str | None = None


class StatementBalance(_Fact):
    """A balance of a statement.

    `kind` is the ISO code: `OPBD` opening booked, `CLBD` closing booked, `ITBD` interim booked and so on.
    `amount_minor` is signed: what we owe the bank is negative.
    """

    account: str
    kind: str
    amount_minor: Annotated[int, Field(strict=True, ge=-MAX_MINOR, le=MAX_MINOR)]
    currency: Currency
    day: date


class BankStatement(_Fact):
    """One statement of one account, whole. `day` is the day of its closing balance.

    `sequence` is its number, which goes up by one with each statement of the account. Balances are signed, as in
    `StatementBalance`; None where the statement has none.
    """

    account: str
    statement_id: str
    sequence: int | None
    currency: Currency
    day: date
    opening_minor: int | None
    closing_minor: int | None
    entries: tuple[BankAnswer, ...]


class ParsedMessage(_Fact):
    """One received message. `message_type` is its full name with version, for example `pain.002.001.10`.

    `message_id` is the bank's, and is unique for one sender and type: with them it says that a file came
    twice. `group_status` and `group_reason` are what a status report says about the whole of the original
    message.
    """

    message_type: str
    message_id: str
    created_at: AwareDatetime
    answers: tuple[BankAnswer, ...] = ()
    balances: tuple[StatementBalance, ...] = ()
    statements: tuple[BankStatement, ...] = ()
    cancellations: tuple[AskedBack, ...] = ()
    inquiries: tuple[AskedAfter, ...] = ()
    group_status: str | None = None
    group_reason: str | None = None
