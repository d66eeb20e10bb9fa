"""JSON in and out without floats: numbers are read as `Decimal`, and a `Decimal` is written digit by digit."""

import json
import re
from decimal import Decimal
from typing import Any, Final, NoReturn

import orjson
from fastapi import Response
from pydantic import BaseModel

from models.errors import Malformed

# No amount, id or count is longer; a number of a million digits is somebody looking for trouble.
LONGEST_NUMBER: Final = 40
DEEPEST_NESTING: Final = 64
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def read_json(raw: bytes) -> Any:
    """The JSON value of a request body, with fractions as `Decimal`.

    Raises `Malformed` for what is not UTF-8 or not JSON (`NaN` and `Infinity` included), for numbers and nesting
    beyond reason, and for text that cannot be stored (U+0000, lone surrogates).
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Malformed("The body is not UTF-8") from None
    try:
        value = json.loads(text, parse_float=_fraction, parse_int=_whole, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise Malformed(f"The body is not JSON: {error.msg} at character {error.pos}") from None
    except (ValueError, ArithmeticError, RecursionError):
        raise Malformed("The body is not JSON that can be read") from None
    # Raw, such characters are refused by the decoders above; only an escape brings them in.
    if "\\u" in text or text.count("[") + text.count("{") > DEEPEST_NESTING:
        _inspect(value)
    return value


def _fraction(literal: str) -> Decimal:
    return Decimal(_short(literal))


def _whole(literal: str) -> int:
    return int(_short(literal))


def _short(literal: str) -> str:
    if len(literal) > LONGEST_NUMBER:
        raise Malformed(f"A number has at most {LONGEST_NUMBER} digits")
    return literal


def _no_number(literal: str) -> NoReturn:
    raise Malformed(f"{literal} is not JSON")


def _inspect(value: Any) -> None:
    pending = [(value, 1)]
    while pending:
        item, depth = pending.pop()
        if depth > DEEPEST_NESTING:
            raise Malformed(f"The body is nested deeper than {DEEPEST_NESTING} levels")
        match item:
            case str():
                if _UNSTORABLE.search(item):
                    raise Malformed("Text cannot hold U+0000 or half of a surrogate pair")
            case dict():
                pending += ((part, depth + 1) for member in item.items() for part in member)
            case list():
                pending += ((part, depth + 1) for part in item)


def written_json(value: Any, *, indented: bool = False) -> bytes:
    """`value` (pydantic models and plain Python) as JSON: amounts with all their decimals, moments in UTC with `Z`."""
    layout = orjson.OPT_INDENT_2 if indented else 0
    return orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS | layout)


def _plain(value: Any) -> Any:
    match value:
        case BaseModel():
            return value.model_dump(by_alias=True)
        case Decimal():
            return orjson.Fragment(f"{value:f}")
        case set() | frozenset():
            return sorted(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer with `value`."""
    return Response(written_json(value), status, headers, "application/json")
