"""The entries of a payment in the ledger, each with its table of debits and credits."""

from datetime import date
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.ledger import Entry, InternalPurpose, credit, debit
from models.payments.orders import Rail
from models.transactions import masked

PAYMENT: Final = "payment"
PAYMENT_RETURN: Final = "payment_return"
# The process that follows what the compliance desk has ruled: the payment's own has ended by then.
PAYMENT_RULING: Final = "payment-ruling"
# Which of our own accounts at the bank a rail is settled on: SEPA on the nostro, ACH on an account of its own.
SETTLED_ON: Final[dict[Rail, InternalPurpose]] = {
    Rail.SEPA: InternalPurpose.NOSTRO,
    Rail.ACH: InternalPurpose.CLEARING,
}


class PaymentMoney(BaseModel):
    """The facts of a payment that its entries are made of. `debited_minor` is what the customer pays in all."""

    model_config = ConfigDict(frozen=True)

    payment_id: UUID
    account_id: UUID
    rail: Rail
    amount_minor: int
    fee_minor: int
    currency: str
    description: str
    category: str
    recipient_name: str
    recipient_account_number: str
    end_to_end_id: str
    standing_order_id: UUID | None = None
    number: int | None = None

    @property
    def debited_minor(self) -> int:
        """Amount and fee."""
        return self.amount_minor + self.fee_minor

    @property
    def facts(self) -> dict[str, str | int]:
        """What a transaction says about where it went, the account number masked, and which standing order made it."""
        repeated: dict[str, str | int] = {}
        if self.standing_order_id is not None and self.number is not None:
            repeated = {"standing_order_id": str(self.standing_order_id), "number": self.number}
        return {
            "rail": self.rail.value,
            "recipient_name": self.recipient_name,
            "to_account_number": masked(self.recipient_account_number),
            "end_to_end_id": self.end_to_end_id,
            **repeated,
        }


def settlement_entry(payment: PaymentMoney, *, hold_id: UUID, settled_on: UUID, fees: UUID, value_date: date) -> Entry:
    """The entry that settles a payment. It turns the hold into a debit, and has the payment's own id.

    | account               | debit        | credit |
    |-----------------------|--------------|--------|
    | customer              | amount + fee |        |
    | nostro, or clearing   |              | amount |
    | fees                  |              | fee    |
    """
    legs = [debit(payment.account_id, payment.debited_minor), credit(settled_on, payment.amount_minor)]
    if payment.fee_minor:
        legs.append(credit(fees, payment.fee_minor))
    return Entry(
        id=payment.payment_id,
        key=f"{PAYMENT}/{payment.payment_id}/settlement",
        kind=PAYMENT,
        currency=payment.currency,
        amount_minor=payment.amount_minor,
        legs=tuple(legs),
        from_account_id=payment.account_id,
        to_account_id=settled_on,
        fee_minor=payment.fee_minor,
        description=payment.description,
        category=payment.category,
        metadata=payment.facts,
        value_date=value_date,
        captures=hold_id,
    )


def return_entry(
    payment: PaymentMoney, *, settled_on: UUID, returned_minor: int, value_date: date, reason: str
) -> Entry:
    """The entry for money that came back after settlement, net of what other banks kept. Our fee is not returned.

    | account               | debit    | credit   |
    |-----------------------|----------|----------|
    | nostro, or clearing   | returned |          |
    | customer              |          | returned |
    """
    return Entry(
        key=f"{PAYMENT}/{payment.payment_id}/return",
        kind=PAYMENT_RETURN,
        currency=payment.currency,
        amount_minor=returned_minor,
        legs=(debit(settled_on, returned_minor), credit(payment.account_id, returned_minor)),
        from_account_id=settled_on,
        to_account_id=payment.account_id,
        description=f"Returned: {payment.description}"[:500],
        category=payment.category,
        metadata=payment.facts | {"reason": reason},
        value_date=value_date,
        reversal_of=payment.payment_id,
    )
