"""What an order comes to before it is one: the same questions for who asks and for who orders, so that they cannot
differ."""

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import AccountUnusable, CurrencyMismatch, RuleRefused
from models.limits import Limit, limits_of
from models.money import written
from models.tables.accounts import owned_account
from models.tables.users import may_send_money
from models.wires import Price, WireOrder, WireTerms, check_charges, check_execution_date, check_purpose, price

TERMS: Final = WireTerms()
# The family of wires among what customers have limits for.
WIRE: Final = "wire"


class Quote(BaseModel):
    """What an order costs, and the limits that it counts against."""

    model_config = ConfigDict(frozen=True)

    price: Price
    limits: tuple[Limit, ...]


async def quote(
    session: AsyncSession, maker: UUID, order: WireOrder, *, terms: WireTerms, at: datetime, lock: bool = False
) -> Quote:
    """What `order` costs its `maker`, `at` that moment. With `lock` only one order of a person is looked at at a time.

    Raises `NotFound` (the account), `KycRequired`, `CustomerFrozen`, `CurrencyMismatch`, `AccountUnusable`,
    `RuleRefused` (a currency that is not wired, a fee above the amount), `ChargesRefused`, `PurposeRequired` and
    `ExecutionDateRefused`.
    """
    person = await may_send_money(session, maker, lock=lock)
    account = await owned_account(session, maker, order.sender_account_id)
    if account.currency != order.currency:
        raise CurrencyMismatch(f"the account is held in {account.currency}, the wire is in {order.currency}")
    if account.status != "active":
        raise AccountUnusable(f"the account is {account.status}")
    cost = price(order.currency, order.charges, person.tier, terms.fees)
    check_charges(order.charges, order.currency, terms.bank_country, order.recipient_country)
    if cost.deducted_minor >= order.amount_minor:
        raise RuleRefused(f"the fee of {written(cost.deducted_minor, order.currency)} is more than the amount")
    check_purpose(order.purpose_code, order.recipient_country, order.currency)
    check_execution_date(order.execution_date, at.astimezone(UTC).date())
    limits = limits_of(person.limits_tier, order.currency, terms.limits, each=WIRE)
    return Quote(price=cost, limits=limits)
