"""Amounts of money at the door: what a request may write, and how an answer writes them (contract §1).

A field `amount: AmountIn` takes a JSON number or a decimal string and holds a positive `Decimal`; which decimals are
allowed depends on the currency, so `models.money.to_minor` reads it. A field `balance: Amount` holds what
`models.money.to_decimal` gave and leaves as a JSON number with exactly those decimals (`1000.00`).
"""

import re
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from api.errors import field_error
from models.errors import InvalidAmount, UnknownCurrency
from models.money import exponent

_WRITTEN: Final = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,20})?")
# The largest exponent of ISO 4217 among our currencies is 3, and 15 digits are all an amount has.
_LONGEST: Final = 20


def _read(value: Any) -> Decimal:
    match value:
        case bool():
            raise field_error(InvalidAmount("an amount is a number"))
        case Decimal() | int():
            amount = Decimal(value)
        case str() if _WRITTEN.fullmatch(value):
            amount = Decimal(value)
        case _:
            raise field_error(InvalidAmount('an amount is a number such as 1000.00 or "1000.00"'))
    if (
        not amount.is_finite()
        or len(amount.as_tuple().digits) > _LONGEST
        or not -_LONGEST < amount.adjusted() < _LONGEST
    ):
        raise field_error(InvalidAmount("an amount has at most 15 digits"))
    return amount


def _read_positive(value: Any) -> Decimal:
    amount = _read(value)
    if amount <= 0:
        raise field_error(InvalidAmount("an amount is above zero"))
    return amount


def _read_currency(value: Any) -> Any:
    if isinstance(value, str):
        try:
            exponent(value)
        except UnknownCurrency as error:
            raise field_error(error) from None
    return value


_INPUT_SCHEMA: Final = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0, "maximum": 999_999_999_999_999},
        {"type": "string", "pattern": r"^[0-9]{1,15}(\.[0-9]{1,3})?$"},
    ],
    "examples": [1000.00],
}

AmountIn = Annotated[Decimal, BeforeValidator(_read_positive), WithJsonSchema(_INPUT_SCHEMA, mode="validation")]
Amount = Annotated[
    Decimal,
    # Only `written_json` writes answers; anything else that serialises a model should not print a string.
    PlainSerializer(lambda value: value, return_type=Decimal, when_used="unless-none"),
    WithJsonSchema({"type": "number", "examples": [1000.00]}),
]
Percent = Annotated[
    Decimal,
    PlainSerializer(lambda value: value, return_type=Decimal, when_used="unless-none"),
    WithJsonSchema({"type": "number", "examples": [3.25]}),
]
CurrencyIn = Annotated[
    str,
    BeforeValidator(_read_currency),
    WithJsonSchema({"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["USD"]}),
]
