"""Which approvals a wire needs: the facts as they are kept, and the matrix that is asked about them.

`approvals_needed` is the one place that says it, for the wire's process and for a dry run before anything is ordered.
Under the rights of a customer it sees that customer's wires alone: what others have ordered to the same account counts
when the process asks, and is not told to anybody who only tries.
"""

import json
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.fx import Rate, worth_at_least
from models.tables.beneficiaries import standing
from models.tables.fx import current_rate
from models.tables.wires.matrices import newest_matrix
from models.tables.wires.rows import Wire
from models.wires.approval import Facts, Risk
from models.wires.behaviour import LAST_DAYS, LAST_WIRES, Past, unusual
from models.wires.routing import Routing, ToRoute

DAY: Final = timedelta(hours=24)
_SUMS: Final = text(
    "SELECT currency, sum(amount_minor)::bigint AS minor, count(*) AS wires FROM wire_transfers"
    " WHERE ltrim(recipient_account_number, '0') = ltrim(:account, '0') AND created_at > :since"
    # Nothing of these leaves the bank any more.
    " AND status NOT IN ('rejected', 'cancelled', 'expired', 'failed', 'blocked')"
    " AND (CAST(:wire_id AS uuid) IS NULL OR id <> :wire_id) GROUP BY 1"
)
_PAID: Final = text(
    "SELECT amount_minor, currency FROM wire_transfers WHERE user_id = :user_id AND status = 'completed'"
    " AND created_at > :since ORDER BY created_at DESC LIMIT :most"
)
_IDLE: Final = text(
    "SELECT CAST(:at AS timestamptz) - max(created_at) FROM postings WHERE account_id = :account AND account_version ="
    " (SELECT max(account_version) FROM postings WHERE account_id = :account)"
)
_NEW_ACCOUNTS: Final = text(
    # The account in question counts before its wire is ordered, too.
    "SELECT count(*) FROM (SELECT ltrim(w.recipient_account_number, '0') AS account FROM wire_transfers w"
    " WHERE w.user_id = :user_id AND w.created_at > :since UNION SELECT ltrim(:account, '0')) ordered"
    " WHERE NOT EXISTS (SELECT FROM wire_transfers p WHERE p.user_id = :user_id"
    " AND ltrim(p.recipient_account_number, '0') = ordered.account AND p.status IN ('completed', 'returned'))"
)


async def approvals_needed(
    session: AsyncSession, wire: ToRoute, *, base_currency: str, fingerprint_key: bytes, at: datetime
) -> Routing:
    """Which approvals that wire needs at that moment, and why. `fingerprint_key` is that of saved recipients."""
    rates = _Rates(session, base_currency, at)
    ordered_at = await _ordered_at(session, wire, at)
    own = await rates.worth(wire.amount_minor, wire.currency)
    summed, wires = await _summed(session, wire, rates, own, ordered_at - DAY)
    known = await standing(
        session, wire.user_id, wire.recipient_account_number, wire.recipient_bank, key=fingerprint_key, at=at
    )
    signs = unusual(own, await _past(session, wire, rates, ordered_at))
    facts = Facts(
        base_minor=summed,
        country=await country_risk(session, wire.recipient_country),
        new_beneficiary=known.counts_as_new,
        unusual=bool(signs),
        customer=await _customer_risk(session, wire.user_id),
        similar_name=wire.similar_name,
    )
    version, matrix = await newest_matrix(session)
    return Routing(
        matrix_version=version,
        row=matrix.decides(facts, base_currency),
        base_currency=base_currency,
        # Both or neither: what was ordered before may be in a currency of which no rate is known.
        amount_base_minor=own if summed is not None else None,
        summed_base_minor=summed,
        facts=facts,
        rates=rates.used,
        summed_wires=wires,
        call_back=matrix.calls_back(facts, base_currency),
        standing=known,
        country=wire.recipient_country,
        signs=signs,
        at=at,
    )


async def keep_routing(session: AsyncSession, wire: Wire, routing: Routing) -> None:
    """Keeps with the wire who has to approve it, and why. Once: what is kept first stays."""
    await session.execute(
        text(
            "INSERT INTO wire_routings (wire_id, matrix_version, matrix_row, approvers, in_order, base_currency,"
            " amount_base_minor, summed_base_minor, call_back, inputs, explanation, content_hash, routed_at)"
            " VALUES (:wire_id, :version, :row, :approvers, :in_order, :base, :amount, :summed, :call_back,"
            " CAST(:inputs AS jsonb), :explanation, :content_hash, :at) ON CONFLICT (wire_id) DO NOTHING"
        ),
        {
            "wire_id": wire.id,
            "version": routing.matrix_version,
            "row": routing.row.name,
            "approvers": [str(approver) for approver in routing.approvers],
            "in_order": routing.row.in_order,
            "base": routing.base_currency,
            "amount": routing.amount_base_minor,
            "summed": routing.summed_base_minor,
            "call_back": routing.call_back,
            "inputs": json.dumps(routing.inputs),
            "explanation": routing.explanation,
            "content_hash": wire.content_hash,
            "at": routing.at,
        },
    )


async def routing_of(session: AsyncSession, wire_id: UUID) -> Any:
    """The kept routing of a wire, as its row; None before it is routed, and for whoever may not see it."""
    found = await session.execute(text("SELECT * FROM wire_routings WHERE wire_id = :id"), {"id": wire_id})
    return found.one_or_none()


async def country_risk(session: AsyncSession, country: str) -> Risk:
    """How risky the bank holds a country to be; one that nobody has rated counts as medium."""
    rated = await session.execute(text("SELECT risk FROM country_risks WHERE country = :country"), {"country": country})
    return Risk(rated.scalar_one_or_none() or Risk.MEDIUM)


class _Rates:
    """The rates of one routing: each currency is looked up once, and all that were used are kept."""

    def __init__(self, session: AsyncSession, base: str, at: datetime) -> None:
        self._session, self._base, self._at = session, base, at
        self._found: dict[str, Rate | None] = {}

    @property
    def used(self) -> tuple[Rate, ...]:
        return tuple(rate for rate in self._found.values() if rate is not None)

    async def worth(self, minor: int, currency: str) -> int | None:
        """What an amount is worth in the base currency; None where no rate is current."""
        if currency == self._base:
            return minor
        if currency not in self._found:
            self._found[currency] = await current_rate(self._session, self._base, currency, self._at)
        rate = self._found[currency]
        return None if rate is None else worth_at_least(minor, currency, rate)


async def _ordered_at(session: AsyncSession, wire: ToRoute, at: datetime) -> datetime:
    if wire.wire_id is None:
        return at
    found = await session.execute(text("SELECT created_at FROM wire_transfers WHERE id = :id"), {"id": wire.wire_id})
    ordered: datetime = found.scalar_one()
    return ordered


async def _summed(
    session: AsyncSession, wire: ToRoute, rates: _Rates, own: int | None, since: datetime
) -> tuple[int | None, int]:
    """All that goes to the account of that wire and was ordered since then, and in how many wires. A dry run may leave
    the account open; then there is nothing to add."""
    if not wire.recipient_account_number:
        return own, 1
    rows = await session.execute(
        _SUMS, {"account": wire.recipient_account_number, "since": since, "wire_id": wire.wire_id}
    )
    total, wires = own, 1
    for row in rows.all():
        worth = await rates.worth(row.minor, row.currency)
        total = None if total is None or worth is None else total + worth
        wires += row.wires
    return total, wires


async def _past(session: AsyncSession, wire: ToRoute, rates: _Rates, at: datetime) -> Past:
    paid = await session.execute(
        _PAID, {"user_id": wire.user_id, "since": at - timedelta(days=LAST_DAYS), "most": LAST_WIRES}
    )
    worth = [await rates.worth(row.amount_minor, row.currency) for row in paid.all()]
    idle = (await session.execute(_IDLE, {"account": wire.sender_account_id, "at": at})).scalar_one()
    whose = {"user_id": wire.user_id, "since": at - DAY, "account": wire.recipient_account_number}
    new = (await session.execute(_NEW_ACCOUNTS, whose)).scalar_one()
    return Past(
        paid_minor=tuple(minor for minor in worth if minor is not None),
        idle_days=None if idle is None else idle.days,
        new_accounts=new,
    )


async def _customer_risk(session: AsyncSession, user_id: UUID) -> Risk:
    found = await session.execute(text("SELECT risk_level FROM users WHERE id = :id"), {"id": user_id})
    return Risk(found.scalar_one())
