"""The daily look over all approved customers: what falls due, and whom the lists name since they changed."""

from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.kyc.desk import KycDesk, screened, tell_staff
from infra.database import transaction
from models.kyc.process import Sweep, Swept
from models.kyc.states import Restriction
from models.screening import Verdict
from models.screening.parties import Customer
from models.tables import sanctions
from models.tables.kyc import life

# A transaction is some tens of milliseconds.
OPENED_AT_ONCE: Final = 200
SCREENED_AT_ONCE: Final = 1_000


class LifeSteps:
    """The steps of the daily look."""

    def __init__(self, desk: KycDesk) -> None:
        self._desk = desk

    @activity.defn(name="kyc.open_due")
    async def open_due(self, sweep: Sweep) -> Swept:
        """Opens the reviews that are due, a part at a time; none are left when it opens none."""
        async with transaction(self._desk.engine) as session:
            opened = await life.open_due(session, sweep.at, most=OPENED_AT_ONCE)
        return Swept(opened=len(opened))

    @activity.defn(name="kyc.rescreen")
    async def rescreen(self, sweep: Sweep) -> Swept:
        """Screens a page of approved customers, if the lists have changed since all were screened.

        Who is named is held until a review is passed, one that is opened now or is open already; who resembles somebody
        opens one. What was looked into before is not asked again. Pages are of one sweep: what is noted at its end is
        the version that its first page was screened with. Raises `Unavailable` where no list is loaded.
        """
        async with transaction(self._desk.engine) as session:
            version = await sanctions.customer_versions(session)
            if sweep.after is None and await life.screened_with(session) == version:
                return Swept()
            first = sweep.list_version or version
            page = await life.approved_after(session, sweep.after, SCREENED_AT_ONCE)
            named = []
            for person in page:
                customer = Customer(person.id, person.name, person.date_of_birth, person.address)
                said = await screened(self._desk, session, customer)
                new = [hit for hit in said.hits if hit.entry_hash.hex() not in person.known]
                if new:
                    named.append((person.id, any(hit.verdict is Verdict.EXACT for hit in new if hit in said.sanctions)))
            opened = 0
            for restriction, users in life.exactly(named).items():
                opened += await life.open_for_hits(session, users, restriction)
                if restriction is Restriction.FROZEN:
                    await self._hold(session, users)
            if len(page) < SCREENED_AT_ONCE:
                await life.all_screened(session, first, sweep.at)
                return Swept(looked_at=len(page), opened=opened)
            return Swept(looked_at=len(page), opened=opened, after=page[-1].id, list_version=first)

    async def _hold(self, session: AsyncSession, users: list[UUID]) -> None:
        for case in await life.hold_reviewed(session, users):
            await tell_staff(
                session,
                case,
                permission="admin:compliance",
                event="named_by_a_list",
                subject="A list names a customer whose KYC review is open",
            )
