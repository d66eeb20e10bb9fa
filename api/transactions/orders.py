"""What an order of a transfer looks like."""

from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from api.amounts import AmountIn, CurrencyIn
from api.errors import field_error
from models.accounts import read_number
from models.errors import Malformed
from models.transactions import TransferOrder
from models.users import Line


def _read_number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return read_number(value)
    except Malformed as error:
        raise field_error(error) from None


Category = Annotated[Line, StringConstraints(min_length=1, max_length=40)]


class TransferIn(BaseModel):
    """A transfer to an account of your own, or to anybody's by its number."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "from_account_id": "01890a5d-ac96-774b-bcce-b302099a8057",
                "to_account_number": "NL91AURM0417164300",
                "amount": 250.00,
                "currency": "EUR",
                "description": "Rent November",
                "category": "housing",
            }
        },
    )

    from_account_id: UUID
    to_account_id: UUID | None = Field(default=None, description="An account of your own.")
    to_account_number: Annotated[str | None, BeforeValidator(_read_number)] = Field(
        default=None, description="The number of any customer's account; its check digits are checked."
    )
    amount: AmountIn
    currency: CurrencyIn | None = Field(default=None, description="That of both accounts; it need not be said.")
    description: Line = ""
    category: Category | None = None

    @model_validator(mode="after")
    def _names_one_account(self) -> Self:
        if (self.to_account_id is None) == (self.to_account_number is None):
            raise ValueError("name the receiving account by to_account_id or by to_account_number, not by both")
        return self

    def order(self) -> TransferOrder:
        """The order as the bank carries it out."""
        return TransferOrder.model_validate(self.model_dump())
