"""What an order of a wire looks like. An order that is accepted here can be written as a message to the bank."""

from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.amounts import AmountIn, CurrencyIn
from api.bank_fields import (
    SEEN,
    AccountIn,
    BicIn,
    Name,
    Reference,
    RoutingNumberIn,
    checked_by,
    stripped,
    written_in,
)
from api.moments import Day
from models.bank import Charges
from models.bank_codes import checked_purpose, country_of
from models.money import to_minor
from models.wires import WireOrder

Part16 = Annotated[str, stripped(min_length=1, max_length=16), SEEN]
Part70 = Annotated[str, stripped(min_length=1, max_length=70), SEEN]
Town = Annotated[str, stripped(min_length=1, max_length=35), SEEN, written_in(35)]
BankName = Annotated[str, stripped(max_length=140), SEEN]


RECIPIENT_EXAMPLE: Final[dict[str, Any]] = {
    "recipient_name": "Globex Trading Ltd",
    "recipient_bank_name": "Test Bank",
    "recipient_bank_swift": "TESTUS33",
    "recipient_account_number": "000123456789",
    "recipient_address": {"street": "Main Street", "building": "1", "town": "New York", "country": "US"},
}


class RecipientAddress(BaseModel):
    """Where the recipient lives, in the parts and lengths of ISO 20022. What banks cannot write of it is left out."""

    model_config = ConfigDict(extra="forbid")

    street: Part70 | None = None
    building: Part16 | None = None
    town: Town
    postal_code: Part16 | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class RecipientIn(BaseModel):
    """Whom money is sent to. The bank is named by its BIC or by its ABA routing number."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": RECIPIENT_EXAMPLE})

    recipient_name: Name
    recipient_bank_name: BankName = ""
    recipient_bank_swift: BicIn | None = None
    recipient_routing_number: RoutingNumberIn | None = None
    recipient_account_number: AccountIn
    recipient_address: RecipientAddress | None = None

    @model_validator(mode="after")
    def _names_one_bank(self) -> Self:
        _check_one_bank(self.recipient_bank_swift, self.recipient_routing_number)
        return self

    @property
    def country(self) -> str:
        """The country that the money goes to."""
        return country_of(self.recipient_bank_swift, self.recipient_account_number)


def _needed(value: Any, others: ValidationInfo) -> Any:
    if value is None and others.data.get("beneficiary_id") is None:
        raise PydanticCustomError("missing", "Field required")
    return value


_UnlessSaved = AfterValidator(_needed)


class WireIn(BaseModel):
    """A wire to order. The recipient is named by its fields, or by the id of one that was saved."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "from_account_id": "01890a5d-ac96-774b-bcce-b302099a8057",
                "amount": 1000.00,
                "currency": "USD",
                **RECIPIENT_EXAMPLE,
                "purpose_code": "SUPP",
                "charges": "SHA",
                "reference": "Invoice 7",
            }
        },
    )

    from_account_id: UUID
    amount: AmountIn
    currency: CurrencyIn
    beneficiary_id: UUID | None = Field(
        default=None, description="A saved recipient, in place of all the fields that begin with `recipient_`."
    )
    recipient_name: Annotated[Name | None, _UnlessSaved] = Field(default=None, validate_default=True)
    recipient_bank_name: BankName = ""
    recipient_bank_swift: BicIn | None = None
    recipient_routing_number: RoutingNumberIn | None = None
    recipient_account_number: Annotated[AccountIn | None, _UnlessSaved] = Field(default=None, validate_default=True)
    recipient_address: RecipientAddress | None = None
    purpose_code: Annotated[str | None, checked_by(checked_purpose)] = Field(
        default=None, description="ISO 20022 external purpose code, for example SALA."
    )
    charges: Charges = Charges.SHA
    reference: Reference = ""
    execution_date: Day | None = None

    @model_validator(mode="after")
    def _names_one_recipient(self) -> Self:
        if self.beneficiary_id is None:
            _check_one_bank(self.recipient_bank_swift, self.recipient_routing_number)
        elif self.model_fields_set & set(RecipientIn.model_fields):
            raise ValueError("name the recipient by beneficiary_id or by its own fields, not by both")
        return self

    def order(self, saved: RecipientIn | None = None) -> WireOrder:
        """The order in minor units, to a `saved` recipient where one is named. Raises `InvalidAmount`."""
        own = self.model_dump(exclude={"from_account_id", "amount", "beneficiary_id"})
        recipient = saved or RecipientIn.model_validate({name: own[name] for name in RecipientIn.model_fields})
        return WireOrder(
            sender_account_id=self.from_account_id,
            amount_minor=to_minor(self.amount, self.currency),
            recipient_country=recipient.country,
            **own | recipient.model_dump(),
        )


def _check_one_bank(bic: str | None, routing_number: str | None) -> None:
    if (bic is None) == (routing_number is None):
        raise ValueError("name the bank by recipient_bank_swift or by recipient_routing_number, not by both")
