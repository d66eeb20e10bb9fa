"""What the audit log says of an attempt, and how it hides what it must not keep."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final


class Outcome(StrEnum):
    """How an attempt ended: carried out, refused by a rule, or failed on our side."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


# By the name of the field, wherever it stands in what is noted.
_SECRET: Final = ("password", "token", "secret", "code", "challenge", "hash")
_NAMES: Final = frozenset({"first_name", "last_name", "name", "recipient_name", "street", "building"})
_NUMBERS: Final = frozenset({"account_number", "recipient_account_number", "iban", "phone", "tax_id"})
_NOT_SECRET: Final = frozenset({"reason_code", "purpose_code", "postal_code", "country_code"})


def masked(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """`values` with personal data made unrecognisable and secrets gone: an e-mail address keeps its first letter and
    domain, a name its first letter, a number its last four characters, a date of birth its year."""
    if values is None:
        return None
    return {key: _masked(key, value) for key, value in values.items()}


def _masked(key: str, value: Any) -> Any:
    name = key.lower()
    if isinstance(value, Mapping):
        return masked(value)
    if isinstance(value, list | tuple):
        return [_masked(key, item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if name not in _NOT_SECRET and any(word in name for word in _SECRET):
        return "***"
    text = str(value)
    if "email" in name:
        return masked_email(text)
    if name in _NAMES:
        return f"{text[:1]}***"
    if name in _NUMBERS:
        return f"***{text[-4:]}" if len(text) > 6 else "***"
    if name == "date_of_birth":
        return f"{text[:4]}-**-**"
    return value


def masked_email(address: str) -> str:
    """`address` with its first letter and its domain left."""
    local, at, domain = address.partition("@")
    return f"{local[:1]}***{at}{domain}"
