"""Fields of an order to another bank. What is accepted in them can be written as a message to that bank."""

from functools import partial
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from api.errors import field_error
from models.bank_codes import checked_account, checked_bic, checked_routing_number
from models.bank_text import checked_line, checked_writable
from models.errors import AurumError


def checked_by(check: Any) -> BeforeValidator:
    """A validator that reads a text by `check`, and refuses the field with what `check` raises."""

    def read(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return check(value)
        except AurumError as error:
            raise field_error(error) from None

    return BeforeValidator(read)


def written_in(limit: int) -> AfterValidator:
    """A validator that refuses a text of which nothing arrives in an element of `limit` characters."""

    def read(value: str) -> str:
        try:
            return checked_writable(value, limit)
        except AurumError as error:
            raise field_error(error) from None

    return AfterValidator(read)


stripped = partial(StringConstraints, strip_whitespace=True)
SEEN: Final = AfterValidator(checked_line)

Name = Annotated[str, stripped(min_length=1, max_length=140), SEEN, written_in(140)]
Reference = Annotated[str, stripped(max_length=140), SEEN, written_in(140)]
BicIn = Annotated[str, checked_by(checked_bic)]
RoutingNumberIn = Annotated[str, checked_by(checked_routing_number)]
AccountIn = Annotated[str, checked_by(checked_account)]
