"""What somebody is told before they order a wire."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from models.bank_checks import same_country
from models.bank_codes import looks_like_iban
from models.calendars import Hours, Release
from models.limits import Room
from models.wires.orders import WireOrder
from models.wires.terms import Price, PurposeNeed, purpose_need


class Notice(BaseModel):
    """Something to know: a stable code and a sentence for people."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str


class Estimate(BaseModel):
    """A dry run. `leaves` is when it would leave if it were approved at once, `leaves_latest` if it is approved at the
    deadline. `problems` are what an order would be refused for as things are now; amounts are minor units."""

    model_config = ConfigDict(frozen=True)

    price: Price
    available_minor: int
    rooms: tuple[Room, ...]
    approvals: int
    senior: bool
    deadline: datetime | None
    leaves: Release
    leaves_latest: Release
    problems: tuple[Notice, ...]
    warnings: tuple[Notice, ...]


def warnings_of(order: WireOrder, leaves: Release, hours: Hours, at: datetime, holiday: str | None) -> list[Notice]:
    """What to know of an order that leaves so. `holiday` is that of the recipient's banks on the value date."""
    found: list[Notice] = []
    wanted = order.execution_date or hours.business_day(at)
    if leaves.value_date > wanted:
        found.append(Notice(code="later_value_date", message=_why_later(order, leaves, wanted)))
    if holiday is not None:
        found.append(
            Notice(
                code="recipient_bank_closed",
                message=f"banks in {order.recipient_country} are closed on {leaves.value_date} ({holiday}); the"
                " recipient has the money when their bank opens",
            )
        )
    if order.purpose_code is None and purpose_need(order.recipient_country, order.currency) is PurposeNeed.EXPECTED:
        found.append(
            Notice(
                code="purpose_code_expected",
                message=f"banks in {order.recipient_country} ask what a payment is for, and may send it back without a"
                " purpose_code",
            )
        )
    account, bic = order.recipient_account_number, order.recipient_bank_swift
    if bic and looks_like_iban(account) and not same_country(account[:2], bic[4:6]):
        found.append(
            Notice(
                code="iban_and_bank_differ",
                message=f"the account is of {account[:2]} and the bank of {bic[4:6]}: ask the recipient",
            )
        )
    return found


def _why_later(order: WireOrder, leaves: Release, wanted: date) -> str:
    if order.execution_date == wanted:
        return f"{wanted} is no bank day for {order.currency}, or its cut-off is over: it counts on {leaves.value_date}"
    return f"today's cut-off for {order.currency} is over, or banks are closed: it counts on {leaves.value_date}"
