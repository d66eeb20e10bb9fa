"""What an order of a payment to another bank looks like: once, on a day, or by a rhythm."""

from datetime import date
from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from api.amounts import AmountIn, CurrencyIn
from api.bank_fields import AccountIn, BicIn, Name, Reference, RoutingNumberIn
from api.moments import Day
from api.transactions.orders import Category
from models.money import to_minor
from models.payments import Frequency, NonBankingDay, PaymentOrder, RecipientAccount, Rhythm
from models.users import Line

# What a payment is filed under when its maker says nothing.
_DEFAULT_CATEGORY: Final = "other"


class RecurrenceIn(BaseModel):
    """A rhythm. It ends on a date, or after so many dates, or when it is cancelled."""

    model_config = ConfigDict(extra="forbid")

    frequency: Frequency
    end_date: Day | None = None
    count: Annotated[int | None, Field(ge=1, le=1200)] = Field(
        default=None, description="So many dates; one that is left out by `skip` is among them."
    )
    non_banking_day: NonBankingDay = Field(
        default=NonBankingDay.NEXT,
        description="For a date on which banks are closed: the banking day before it, the one after it, or not at all.",
    )

    @model_validator(mode="after")
    def _ends_once(self) -> Self:
        if self.end_date is not None and self.count is not None:
            raise ValueError("name end_date or count, not both")
        return self

    def rhythm(self, first_on: date) -> Rhythm:
        """The dates, from `first_on` on."""
        return Rhythm(
            frequency=self.frequency,
            first_on=first_on,
            last_on=self.end_date,
            occurrences=self.count,
            non_banking_day=self.non_banking_day,
        )


class PaymentIn(BaseModel):
    """A payment to another bank: in EUR by SEPA to an IBAN, in USD by ACH to a routing number and account number."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "from_account_id": "01890a5d-ac96-774b-bcce-b302099a8057",
                "amount": 850.00,
                "currency": "EUR",
                "recipient_name": "Nina Landlady",
                "recipient_account_number": "DE89370400440532013000",
                "reference": "Rent December",
                "category": "housing",
                "execution_date": "2026-12-01",
                "recurrence": {"frequency": "monthly", "non_banking_day": "next", "count": 12},
            }
        },
    )

    from_account_id: UUID
    amount: AmountIn
    currency: CurrencyIn | None = Field(default=None, description="That of the account; it need not be said.")
    recipient_name: Name
    recipient_account_number: AccountIn = Field(description="EUR: the IBAN. USD: up to 17 letters, digits, hyphens.")
    recipient_bank_swift: BicIn | None = Field(default=None, description="EUR alone; the IBAN names the bank too.")
    recipient_routing_number: RoutingNumberIn | None = Field(default=None, description="USD: the ABA routing number.")
    recipient_account_type: RecipientAccount = Field(default=RecipientAccount.CHECKING, description="USD alone.")
    recipient_is_company: bool = Field(default=False, description="USD alone: whether it is the account of a company.")
    reference: Reference = Field(default="", description="What the recipient reads; in USD its first 80 characters.")
    description: Line = Field(default="", description="Your own words. Without them: the recipient and the reference.")
    category: Category | None = None
    execution_date: Day | None = Field(default=None, description="The day it is due; without it, at once.")
    recurrence: RecurrenceIn | None = Field(default=None, description="Repeats it, from `execution_date` or today on.")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        end = self.recurrence.end_date if self.recurrence else None
        if end is not None and self.execution_date is not None and end < self.execution_date:
            raise ValueError("recurrence.end_date is not before execution_date")
        return self

    def order(self, currency: str) -> PaymentOrder:
        """The order in minor units of `currency`. Raises `InvalidAmount`."""
        return PaymentOrder(
            sender_account_id=self.from_account_id,
            amount_minor=to_minor(self.amount, currency),
            currency=currency,
            recipient_name=self.recipient_name,
            recipient_account_number=self.recipient_account_number,
            recipient_bic=self.recipient_bank_swift,
            recipient_routing_number=self.recipient_routing_number,
            recipient_account_type=self.recipient_account_type,
            recipient_is_company=self.recipient_is_company,
            reference=self.reference,
            description=self.description,
            category=self.category or _DEFAULT_CATEGORY,
            due_on=None if self.recurrence else self.execution_date,
        )
