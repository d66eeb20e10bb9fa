"""A payment is screened as a wire is, and nothing leaves while a list is too old.

What two officers have found about a pair, that they are not the same, holds here too.
"""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from activities.as_sent import as_written_and_sent
from activities.payments.desk import PaymentDesk
from models.screening import Hit, Subject
from models.screening.lists import ListsStale
from models.screening.parties import Customer, subjects_of_payment
from models.tables import sanctions
from models.tables.payments import Payment


async def screened(desk: PaymentDesk, session: AsyncSession, payment: Payment) -> list[Hit]:
    """Screens everything that a payment names against the lists as they are now; the hits that are not known to be
    false.

    Sets `list_version`, so that a release can tell whether the lists have changed since. Raises `Unavailable` when no
    list is loaded.
    """
    loaded = await desk.watchlists.of(session)
    hits = loaded.index.screen(await _subjects(session, payment))
    known = await sanctions.known(session, hits, _records(payment, hits))
    payment.list_version = loaded.current.told
    return [hit for hit in hits if (hit.list, hit.entry_id, hit.field) not in known]


async def require_fresh_lists(desk: PaymentDesk, session: AsyncSession) -> None:
    """Raises `ListsStale` when a sanctions list was last confirmed too long ago."""
    stale = await sanctions.stale_lists(session, desk.lists_fresh_for)
    if stale:
        raise ListsStale(f"{', '.join(one.name for one in stale)} last confirmed too long ago")


def _records(payment: Payment, hits: Sequence[Hit]) -> dict[str, tuple[str, str]]:
    """Whose record each field that hit is of: the customer's, or the recipient's at their bank."""
    bank = payment.recipient_bic or payment.recipient_routing_number
    recipient = ("counterparty", f"{bank}/{payment.recipient_account_number}")
    customer = ("customer", str(payment.user_id))
    # A text that somebody wrote is no record: what it names is looked at each time.
    return {
        hit.field: customer if hit.field.startswith("debtor") else recipient for hit in hits if hit.field != "reference"
    }


async def _subjects(session: AsyncSession, payment: Payment) -> list[Subject]:
    row = (
        await session.execute(
            text("SELECT first_name || ' ' || last_name AS name, date_of_birth, address FROM users WHERE id = :id"),
            {"id": payment.user_id},
        )
    ).one()
    customer = Customer(payment.user_id, row.name, row.date_of_birth, row.address)
    return as_written_and_sent(subjects_of_payment(payment.model_dump(), customer))
