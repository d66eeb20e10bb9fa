"""The dry run of a wire: everything that ordering, routing and releasing it would ask, asked of the same functions, and
nothing stored, set aside or used up."""

from datetime import datetime, timedelta
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy.ext.asyncio import AsyncSession

from models.calendar_rules import calendar_of_country
from models.calendars import release
from models.errors import InsufficientFunds, RuleRefused
from models.limits import refusal, room
from models.tables import calendars, ledger
from models.tables.limits import uses_of
from models.tables.wires.quotes import WIRE, quote
from models.tables.wires.routing import approvals_needed
from models.wires import ToRoute, WireOrder, WireTerms, sla_clock
from models.wires.estimates import Estimate, Notice, warnings_of


class DeskTerms(BaseModel):
    """How the desk works: who approves, how long it may take, and whether calendars hold."""

    model_config = ConfigDict(frozen=True)

    base_currency: str
    fingerprint_key: bytes
    sla: timedelta
    hard_stop: timedelta
    always_open: bool


async def estimate(
    session: AsyncSession, maker: UUID, order: WireOrder, *, terms: WireTerms, desk: DeskTerms, at: datetime
) -> Estimate:
    """What `order` would come to, `at` that moment. Raises what `quote` does, as ordering it would.

    What changes by itself, money and room, is a problem to tell of and no refusal: whoever asks may pay in first.
    Screening is not tried. An answer that differs for a listed name would tell its bearer that they are listed, and let
    anybody look for a spelling that is not (tipping off, reference/banking.md §6.11); so approvals are those of a wire
    that screening finds nothing about.
    """
    quoted = await quote(session, maker, order, terms=terms, at=at)
    debit_minor = order.amount_minor + quoted.price.fee_minor
    available = (await ledger.balance(session, order.sender_account_id)).available_minor
    now, uses = await uses_of(session, maker, WIRE, quoted.limits, order.currency)
    refusals = [refusal(limit, order.amount_minor, uses, now, order.currency) for limit in quoted.limits]
    problems: list[RuleRefused] = [InsufficientFunds(ledger.NOT_COVERED)] if debit_minor > available else []
    problems += [refused for refused in refusals if refused is not None][:1]
    rail = await calendars.open_hours(session, order.currency, always=desk.always_open)
    office = await calendars.open_hours(session, calendars.DESK, always=desk.always_open)
    routing = await approvals_needed(
        session,
        ToRoute.of(order, maker),
        base_currency=desk.base_currency,
        fingerprint_key=desk.fingerprint_key,
        at=at,
    )
    deadline = sla_clock(office, at, desk.sla, desk.hard_stop).deadline if routing.approvers else None
    leaves = release(rail, at, order.execution_date)
    country = calendar_of_country(order.recipient_country)
    holiday = await calendars.closed_on(session, country, leaves.value_date) if country else None
    return Estimate(
        price=quoted.price,
        available_minor=available,
        rooms=tuple(room(limit, uses, now) for limit in quoted.limits),
        approvals=len(routing.approvers),
        senior=routing.senior,
        deadline=deadline,
        leaves=leaves,
        leaves_latest=release(rail, deadline or at, order.execution_date),
        problems=tuple(Notice(code=one.code, message=one.detail) for one in problems),
        warnings=tuple(warnings_of(order, leaves, rail, at, holiday)),
    )
