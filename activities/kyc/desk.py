"""What the steps of a review share: the desk's configuration and its clock, screening, and whom it tells."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from activities.kyc.mrz import MrzReader
from infra.inspection.inspector import Inspector
from infra.providers.store import open_vault
from infra.settings import BankHours, Settings
from infra.watchlists import Watchlists
from models.auth import Letter
from models.calendars import AlwaysOpen, Hours
from models.kyc.risk import RiskLevel
from models.screening import Hit, Purpose
from models.screening.parties import Customer, subjects_of_customer
from models.tables import calendars, notifications, sanctions
from models.tables.kyc.rows import KycCase
from models.tables.users import staff_with

# For one document: two pictures take four, a slow machine twenty.
_READING_SECONDS: Final = 60.0


@dataclass(frozen=True)
class KycDesk:
    """How long officers and customers may take, and what may pass without an officer."""

    engine: AsyncEngine
    watchlists: Watchlists
    zones: MrzReader
    hours: BankHours
    review: timedelta
    edd: timedelta
    answer: timedelta
    straight_through: bool

    @classmethod
    def of(cls, settings: Settings, engine: AsyncEngine) -> "KycDesk":
        """The desk that `settings` describe."""
        return cls(
            engine=engine,
            watchlists=Watchlists(engine),
            zones=MrzReader(open_vault(settings), Inspector(1, _READING_SECONDS)),
            hours=settings.bank_hours,
            review=timedelta(seconds=settings.kyc.review_seconds),
            edd=timedelta(seconds=settings.kyc.edd_seconds),
            answer=timedelta(seconds=settings.kyc.answer_seconds),
            straight_through=settings.kyc.straight_through,
        )

    async def desk_hours(self, session: AsyncSession) -> Hours:
        """The business time of officers."""
        return AlwaysOpen() if self.hours is BankHours.ALWAYS else await calendars.desk_hours(session)

    def span(self, level: RiskLevel) -> timedelta:
        """How long officers have: longer where they have to look deeper (reference/banking.md §6.5)."""
        return self.edd if level is RiskLevel.HIGH else self.review


@dataclass(frozen=True)
class Screened:
    """What the lists say of a customer, and which versions of them were asked."""

    version: str
    sanctions: tuple[Hit, ...]
    exposed: tuple[Hit, ...]

    @property
    def hits(self) -> tuple[Hit, ...]:
        """All findings."""
        return (*self.sanctions, *self.exposed)


async def screened(desk: KycDesk, session: AsyncSession, customer: Customer) -> Screened:
    """Screens a customer against sanctions lists, and those of politically exposed people where the bank keeps any.

    What two people have found not to be the customer is left out. Raises `Unavailable` where no sanctions list is
    loaded: screening fails closed. Without a list of exposed people the customer's own word stands alone.
    """
    subjects = subjects_of_customer(customer)
    loaded = await desk.watchlists.of(session)
    found = loaded.index.screen(subjects)
    exposed: list[Hit] = []
    if (await sanctions.current(session, Purpose.PEP)).versions:
        lists = await desk.watchlists.of(session, Purpose.PEP)
        exposed = lists.index.screen(subjects[:1])
    whose = {subject.field: ("customer", str(customer.id)) for subject in subjects}
    known = await sanctions.known(session, [*found, *exposed], whose)

    def unknown(hits: list[Hit]) -> tuple[Hit, ...]:
        return tuple(hit for hit in hits if (hit.list, hit.entry_id, hit.field) not in known)

    return Screened(await sanctions.customer_versions(session), unknown(found), unknown(exposed))


async def tell_staff(session: AsyncSession, case: KycCase, *, permission: str, event: str, subject: str) -> None:
    """Tells everybody on the staff who has `permission` besides that of an officer, except the customer, once for each
    event. The letter names no customer."""
    officers = await staff_with(session, "admin:compliance")
    for person in [one for one in await staff_with(session, permission) if one in officers and one != case.user_id]:
        await notifications.tell(
            session,
            user_id=person,
            key=f"kyc/{case.id}/{case.round}/{event}/{person}",
            event=f"kyc.{event}",
            subject=subject,
            body=f"{subject}.\n\nReview {case.id}. Decide in the console or by the API: /api/v1/kyc/cases/{case.id}\n",
        )


async def tell_customer(session: AsyncSession, case: KycCase, event: str, letter: Letter) -> None:
    """Writes to the customer, once for each event."""
    await notifications.tell(
        session,
        user_id=case.user_id,
        key=f"kyc/{case.id}/{event}",
        event=f"kyc.{event}",
        subject=letter.subject,
        body=letter.body,
    )
