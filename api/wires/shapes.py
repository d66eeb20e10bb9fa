"""What requests and answers about wires look like."""

from datetime import date, datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from api.amounts import Amount, AmountIn, CurrencyIn
from api.errors import field_error
from models.auth import Role
from models.bank import Charges, PostalAddress
from models.bank_codes import checked_account, checked_bic, checked_routing_number, country_of
from models.errors import AurumError
from models.money import to_decimal, to_minor
from models.tables.auth import Caller
from models.tables.wires import Wire
from models.wires import ComplianceStatus, SlaStage, WireOrder, WireStatus

_SAID_TO_CUSTOMERS: Final = {ComplianceStatus.PENDING, ComplianceStatus.CLEAR}


def _checked_by(check: Any) -> BeforeValidator:
    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return check(value)
        except AurumError as error:
            raise field_error(error) from None

    return BeforeValidator(read)


def _one_line(value: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("has no control characters or line breaks")
    return value


Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=140), AfterValidator(_one_line)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]


class WireIn(BaseModel):
    """A wire to order. The bank is named by its BIC or by its ABA routing number."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "from_account_id": "01890a5d-ac96-774b-bcce-b302099a8057",
                "amount": 1000.00,
                "currency": "USD",
                "recipient_name": "Globex Trading Ltd",
                "recipient_bank_name": "Test Bank",
                "recipient_bank_swift": "TESTUS33",
                "recipient_account_number": "000123456789",
                "recipient_address": {"street": "Main Street", "building": "1", "town": "New York", "country": "US"},
                "purpose_code": "SUPP",
                "charges": "SHA",
                "reference": "Invoice 7",
            }
        },
    )

    from_account_id: UUID
    amount: AmountIn
    currency: CurrencyIn
    recipient_name: Line
    recipient_bank_name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=140)] = ""
    recipient_bank_swift: Annotated[str | None, _checked_by(checked_bic)] = None
    recipient_routing_number: Annotated[str | None, _checked_by(checked_routing_number)] = None
    recipient_account_number: Annotated[str, _checked_by(checked_account)]
    recipient_address: PostalAddress | None = None
    purpose_code: Annotated[str, StringConstraints(pattern=r"^[A-Z]{4}$")] | None = Field(
        default=None, description="ISO 20022 external purpose code, for example SALA."
    )
    charges: Charges = Charges.SHA
    reference: Annotated[str, StringConstraints(strip_whitespace=True, max_length=140), AfterValidator(_one_line)] = ""
    execution_date: date | None = None

    @model_validator(mode="after")
    def _names_one_bank(self) -> Self:
        if (self.recipient_bank_swift is None) == (self.recipient_routing_number is None):
            raise ValueError("name the bank by recipient_bank_swift or by recipient_routing_number, not by both")
        return self

    def order(self) -> WireOrder:
        """The order in minor units. Raises `InvalidAmount`."""
        return WireOrder(
            sender_account_id=self.from_account_id,
            amount_minor=to_minor(self.amount, self.currency),
            recipient_country=country_of(self.recipient_bank_swift, self.recipient_account_number),
            **self.model_dump(exclude={"from_account_id", "amount"}),
        )


class Approvals(BaseModel):
    """How many approvals a wire needs, and has."""

    required: int
    given: int
    senior_required: bool


class WireView(BaseModel):
    """A wire as people see it."""

    id: UUID
    status: WireStatus
    compliance_status: ComplianceStatus
    amount: Amount
    fee: Amount
    currency: str
    from_account_id: UUID
    recipient_name: str
    recipient_bank_name: str
    recipient_bank_swift: str | None
    recipient_routing_number: str | None
    recipient_account_number: str
    recipient_address: dict[str, Any] | None
    recipient_country: str
    purpose_code: str | None
    charges: Charges
    reference: str
    execution_date: date | None
    value_date: date | None
    uetr: UUID
    end_to_end_id: str
    approvals: Approvals
    sla_deadline: datetime | None
    sla_stage: SlaStage
    approved_by: UUID | None
    approved_at: datetime | None
    reason_code: str | None
    reason: str | None
    transaction_id: UUID | None
    created_at: datetime
    updated_at: datetime


class TimelineEntry(BaseModel):
    """One thing that happened to a wire."""

    at: datetime
    event: str
    status: WireStatus
    actor: str
    actor_id: UUID | None
    data: dict[str, Any]


class Timeline(BaseModel):
    """Everything that happened to a wire, in order."""

    data: list[TimelineEntry]


class Approval(BaseModel):
    """A word to an approval; needed when screening found a similar listed name."""

    model_config = ConfigDict(extra="forbid")

    comment: Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)] = ""


class Rejection(BaseModel):
    """Why a wire is refused."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


def view(wire: Wire, given: int, caller: Caller) -> WireView:
    """A wire as `caller` may see it; `given` is the number of its approvals."""
    compliance = ComplianceStatus(wire.compliance_status)
    secret = caller.role == Role.CUSTOMER and compliance not in _SAID_TO_CUSTOMERS
    fee_minor = wire.fee_minor + wire.deducted_minor
    return WireView.model_validate(
        wire.model_dump(exclude={"amount_minor", "content_hash"})
        | {
            # Telling a customer of a hit would be tipping off: the order is in review, which is true.
            "compliance_status": ComplianceStatus.IN_REVIEW if secret else compliance,
            "amount": to_decimal(wire.amount_minor, wire.currency),
            "fee": to_decimal(fee_minor, wire.currency),
            "from_account_id": wire.sender_account_id,
            "approvals": Approvals(required=wire.approvals_required, given=given, senior_required=wire.senior_required),
            "reason_code": None if secret else wire.reason_code,
            "reason": None if secret else wire.reason_text,
        }
    )
