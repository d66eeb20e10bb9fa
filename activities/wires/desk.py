"""What the steps of a wire share: the desk's configuration and its clock."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from infra.providers.bank import BankChannel
from infra.settings import BankHours, BankProfile, Settings
from infra.watchlists import Watchlists
from models.calendars import Hours
from models.tables import calendars, notifications
from models.tables.users import staff_with
from models.tables.wires import Wire


@dataclass(frozen=True)
class WireDesk:
    """Who we are to the bank, how long approvals may take, and who has to give them."""

    engine: AsyncEngine
    channel: BankChannel
    profile: BankProfile
    hours: BankHours
    base_currency: str
    sla: timedelta
    hard_stop: timedelta
    # What the compliance desk has to decide what screening found.
    screening: timedelta
    acknowledgement: timedelta
    bank_name: str
    bank_bic: str
    correspondent_bic: str
    nostro_accounts: dict[str, str]
    # What `models.tables.beneficiaries.standing` finds saved recipients by.
    fingerprint_key: bytes
    watchlists: Watchlists
    # How long after its last confirmation a sanctions list is good enough to release money by.
    lists_fresh_for: timedelta

    @classmethod
    def of(cls, settings: Settings, engine: AsyncEngine, channel: BankChannel) -> "WireDesk":
        """The desk that `settings` describe."""
        return cls(
            engine=engine,
            channel=channel,
            profile=settings.bank_profile,
            hours=settings.bank_hours,
            base_currency=settings.base_currency,
            sla=timedelta(seconds=settings.wire_sla_seconds),
            hard_stop=timedelta(seconds=settings.wire_hard_stop_seconds),
            screening=timedelta(seconds=settings.wire_screening_seconds),
            acknowledgement=timedelta(seconds=settings.wire_acknowledgement_seconds),
            bank_name=settings.bank_name,
            bank_bic=settings.bank_bic,
            correspondent_bic=settings.correspondent_bic,
            nostro_accounts=settings.nostro_accounts,
            fingerprint_key=settings.fingerprint_key.get_secret_value().encode(),
            watchlists=Watchlists(engine),
            lists_fresh_for=timedelta(seconds=settings.sanctions_stale_seconds),
        )

    async def desk_hours(self, session: AsyncSession) -> Hours:
        """The business time of approvals."""
        return await calendars.open_hours(session, calendars.DESK, always=self.hours is BankHours.ALWAYS)

    async def rail_hours(self, session: AsyncSession, currency: str) -> Hours:
        """When orders in `currency` can be given to the bank."""
        return await calendars.open_hours(session, currency, always=self.hours is BankHours.ALWAYS)

    async def bank_is_late_at(self, session: AsyncSession, wire: Wire, asked_at: datetime) -> datetime:
        """When operations are told that the bank has not answered what it was asked at `asked_at`."""
        return (await self.rail_hours(session, wire.currency)).add(asked_at, self.acknowledgement)


async def tell_staff(
    session: AsyncSession,
    wire: Wire,
    *,
    permission: str,
    event: str,
    subject: str,
    again: str = "",
    then: str = "Decide in the console or by the API",
    but: Collection[UUID] = (),
) -> None:
    """Tells everybody on the staff who has `permission`, except the wire's maker and those in `but`, once for each
    event, and for each `again` of it where it may happen more than once. `then`: what there is to do about it."""
    for person in [one for one in await staff_with(session, permission) if one not in {wire.user_id, *but}]:
        await notifications.tell(
            session,
            user_id=person,
            key="/".join(["wire", str(wire.id), event, *([again] if again else []), str(person)]),
            event=event,
            subject=subject,
            body=f"{subject}.\n\nWire {wire.id}, status {wire.status}. {then}: /api/v1/wires/{wire.id}\n",
        )
