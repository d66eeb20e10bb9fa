"""What a customer orders: a payment to another bank by the local rail, what it costs, and what the rail can carry."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from schwifty import IBAN

from models.bank_codes import checked_iban, looks_like_iban
from models.errors import InvalidIban, Malformed, RuleRefused
from models.money import to_minor, written


class Rail(StrEnum):
    """The local clearing that a payment goes by: SEPA credit transfer, or ACH credit (Nacha)."""

    SEPA = "sepa"
    ACH = "ach"


class RecipientAccount(StrEnum):
    """What kind of account an ACH credit is for; it is part of the entry's transaction code."""

    CHECKING = "checking"
    SAVINGS = "savings"


RAILS: Final[dict[str, Rail]] = {"EUR": Rail.SEPA, "USD": Rail.ACH}
# What one payment can carry, in minor units: SCT rulebook AT-T002 999,999,999.99; ten digits in a Nacha entry.
LARGEST: Final[dict[Rail, int]] = {Rail.SEPA: 99_999_999_999, Rail.ACH: 9_999_999_999}
# What the bank takes for a payment, in major units (AURUM_PAYMENT_FEES). In SEPA each side pays its own bank (SLEV).
FEES: Final[dict[str, Decimal]] = {"EUR": Decimal("0.20"), "USD": Decimal("0.50")}

# The calendars of the rails are loaded for longer than that; past them nobody knows which days are bank days.
LONGEST_WAIT: Final = timedelta(days=365)

_ACH_ACCOUNT: Final = re.compile(r"[A-Z0-9-]{1,17}")
_TAIL_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class NoRail(RuleRefused):
    """The currency has no local rail here; a wire reaches other banks in it."""

    code = "no_rail"
    title = "No local rail for this currency"


class NotOnThisRail(Malformed):
    """What names the recipient is not what the rail needs."""

    code = "not_on_this_rail"
    title = "Recipient cannot be reached by this rail"


class OwnBank(RuleRefused):
    """The account is one of this bank: a transfer reaches it at once."""

    code = "own_bank"
    title = "Account of this bank"


class DayRefused(RuleRefused):
    """A day that is over, or too far away for the bank's calendars."""

    code = "execution_date_refused"
    title = "Execution date cannot be used"


class PaymentOrder(BaseModel):
    """A payment as a customer orders it, checked for its form. Amounts in minor units; no `due_on`: at once."""

    model_config = ConfigDict(frozen=True)

    sender_account_id: UUID
    amount_minor: int = Field(gt=0)
    currency: str
    recipient_name: str
    recipient_account_number: str
    recipient_bic: str | None = None
    recipient_routing_number: str | None = None
    recipient_account_type: RecipientAccount = RecipientAccount.CHECKING
    recipient_is_company: bool = False
    reference: str = ""
    description: str = ""
    category: str
    due_on: date | None = None


def rail_of(currency: str) -> Rail:
    """The rail of a currency. Raises `NoRail`."""
    try:
        return RAILS[currency]
    except KeyError:
        raise NoRail(
            f"payments are made in {', '.join(sorted(RAILS))}; in {currency} a wire reaches other banks"
        ) from None


def check_order(order: PaymentOrder) -> Rail:
    """The rail that carries `order`. Raises `NoRail`, `NotOnThisRail`, `InvalidIban` and `RuleRefused` (too much)."""
    rail = rail_of(order.currency)
    if rail is Rail.SEPA:
        _check_sepa(order)
    else:
        _check_ach(order)
    if order.amount_minor > LARGEST[rail]:
        raise RuleRefused(f"one payment carries at most {written(LARGEST[rail], order.currency)}; a wire carries more")
    return rail


def _check_sepa(order: PaymentOrder) -> None:
    if order.recipient_routing_number is not None:
        raise NotOnThisRail("a payment in EUR names the recipient by IBAN, not by a routing number")
    if not looks_like_iban(order.recipient_account_number):
        raise InvalidIban("a payment in EUR names the recipient by IBAN")
    iban = checked_iban(order.recipient_account_number)
    if not IBAN(iban, validate_bban=False).in_sepa_zone:
        raise NotOnThisRail(f"SEPA does not reach banks in {iban[:2]}; a wire does")


def _check_ach(order: PaymentOrder) -> None:
    if order.recipient_routing_number is None:
        raise NotOnThisRail("a payment in USD names the bank of the recipient by its routing number")
    if order.recipient_bic is not None:
        raise NotOnThisRail("a payment in USD names the bank by its routing number, not by a BIC")
    if not _ACH_ACCOUNT.fullmatch(order.recipient_account_number):
        raise NotOnThisRail("an account number in the ACH has up to 17 capital letters, digits and hyphens")


def check_day(day: date, today: date) -> None:
    """Raises `DayRefused` for a `day` before `today` or more than a year after it."""
    if day < today:
        raise DayRefused(f"the day is over; today is {today} where the rail is")
    if day > today + LONGEST_WAIT:
        raise DayRefused(f"a payment waits at most {LONGEST_WAIT.days} days for its day")


def fee_of(currency: str, fees: Mapping[str, Decimal]) -> int:
    """What a payment in `currency` costs, in minor units; a currency that is not named costs nothing."""
    return to_minor(fees.get(currency, Decimal()), currency)


def headline(order: PaymentOrder) -> str:
    """What the payment is called in lists: the customer's own words, or who is paid, and what for."""
    return order.description or f"{order.recipient_name} {order.reference}".strip()


def end_to_end_id(payment_id: UUID) -> str:
    """A payment's end-to-end id: `P` and its last 70 bits in base 32. 15 characters, as many as an ACH entry has."""
    number = payment_id.int
    return "P" + "".join(_TAIL_DIGITS[number >> shift & 31] for shift in range(65, -1, -5))
