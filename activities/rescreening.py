"""Wires and payments when a list has changed: those that still wait are screened again now, and of those that have
left, or were carried out not long ago, compliance is told.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.as_sent import as_written_and_sent
from activities.heartbeats import heartbeats
from activities.payments import desk as payment_desk
from activities.wires.desk import WireDesk, tell_staff
from infra.database import transaction
from infra.watchlists import concerned
from models.payments import AT_THE_BANK as PAYMENT_LEFT
from models.payments import PaymentStatus
from models.screening import Hit
from models.screening.lists import Rescreened
from models.tables import payments, sanctions, wires
from models.tables.payments import Payment
from models.tables.sanctions import News
from models.tables.wires import Wire
from models.tables.wires.waking import wake
from models.wires import WireStatus
from models.wires.compliance import REVIEWABLE

log: Final = structlog.get_logger(__name__)

_PAGE: Final = 500
_LEFT: Final = frozenset({WireStatus.RELEASED, WireStatus.ACKNOWLEDGED})
_CARRIED_OUT: Final = frozenset({WireStatus.COMPLETED, WireStatus.RETURNED})
_PAYMENT_WAITS: Final = frozenset({PaymentStatus.SCHEDULED, PaymentStatus.FUNDED})
_PAYMENT_CARRIED_OUT: Final = frozenset({PaymentStatus.COMPLETED, PaymentStatus.RETURNED})
_Found = Mapping[UUID, Sequence[Hit]]


class RescreeningSteps:
    """The step that follows a change of the lists. `lookback`: how long after its end an order is still looked at."""

    def __init__(self, desk: WireDesk, lookback: timedelta) -> None:
        self._desk = desk
        self._lookback = lookback

    @activity.defn(name="sanctions.rescreen")
    async def rescreen(self) -> list[Rescreened]:
        """Compares wires and payments with what is new on each list since they last were, whoever has taken it in.

        The process of one that waits is woken, and screens it against all lists. Each list is a transaction, which
        keeps that its version was looked through; again, it changes nothing. No version becomes the newest unseen: an
        order is read after it, so that it was released before it or is screened against it (`wire.release`,
        `payment.release`).
        """
        async with heartbeats():
            async with transaction(self._desk.engine) as session:
                changed = await sanctions.news(session, await sanctions.current(session))
            return [await self._compare(one) for one in changed]

    async def _compare(self, news: News) -> Rescreened:
        async with transaction(self._desk.engine) as session:
            loaded = await self._desk.watchlists.of(session)
            matches = await concerned(
                session,
                list_name=news.list,
                label=news.label,
                before=news.before,
                after=news.after,
                vocabulary=loaded.index.vocabulary,
                customers=False,
                lookback=self._lookback,
                reading=as_written_and_sent,
            )
            of_wires = {one.party.id: one.hits for one in matches if one.party.kind == "wire"}
            of_payments = {one.party.id: one.hits for one in matches if one.party.kind == "payment"}
            woken, told = await _wires(session, of_wires, news)
            woken_payments, told_payments = await _payments(session, of_payments, news)
            woken, told = woken + woken_payments, told + told_payments
            await sanctions.compared(session, news.after, woken=woken, told=told)
        log.info("sanctions.rescreened", list=news.list, version=news.label, woken=woken, told=told)
        return Rescreened(list=news.list, version=news.label, woken=woken, told=told)


async def _wires(session: AsyncSession, found: _Found, news: News) -> tuple[int, int]:
    woken = told = 0
    ids = sorted(found)
    for page in (ids[at : at + _PAGE] for at in range(0, len(ids), _PAGE)):
        known = await sanctions.found_before(session, page)
        for wire in await wires.with_ids(session, page):
            if wire.status in REVIEWABLE:
                await wake(session, wire, None)
                woken += 1
            elif wire.status in _LEFT | _CARRIED_OUT and (unseen := _unseen(wire.id, found[wire.id], known)):
                await _tell_of_wire(session, wire, news, unseen)
                told += 1
    return woken, told


async def _payments(session: AsyncSession, found: _Found, news: News) -> tuple[int, int]:
    woken = told = 0
    for payment in await payments.with_ids(session, sorted(found)):
        if payment.status in _PAYMENT_WAITS:
            await payments.wake(session, payment)
            woken += 1
        elif payment.status in PAYMENT_LEFT | _PAYMENT_CARRIED_OUT:
            await _tell_of_payment(session, payment, news, found[payment.id])
            told += 1
    return woken, told


def _unseen(wire_id: UUID, hits: Sequence[Hit], known: set[tuple[UUID, str, str, bytes]]) -> list[Hit]:
    """What was not found, and ruled about, before the wire left."""
    return [hit for hit in hits if (wire_id, hit.list, hit.entry_id, bytes(hit.entry_hash)) not in known]


def _said(hits: Sequence[Hit]) -> str:
    return ", ".join(sorted({f"{hit.list}/{hit.entry_id} ({hit.field}, {hit.verdict})" for hit in hits}))


async def _tell_of_wire(session: AsyncSession, wire: Wire, news: News, hits: Sequence[Hit]) -> None:
    carried_out = wire.status in _CARRIED_OUT
    subject = "A wire that has left matches a new entry of a sanctions list"
    if carried_out:
        subject = "Lookback: a wire that was carried out matches a new entry of a sanctions list"
        # On its timeline, and so in its evidence; the customer does not see it.
        await wires.tell(
            session,
            wire,
            "compliance_lookback_finding",
            step=f"lookback/{news.list}/{news.label}",
            data={"list": news.list, "version": news.label, "found": _said(hits)},
        )
    await tell_staff(
        session,
        wire,
        permission="admin:compliance",
        event="wire.lookback_finding" if carried_out else "wire.listed_after_release",
        subject=subject,
        again=f"{news.list}/{news.label}",
        then=f"Found: {_said(hits)}. It cannot be stopped here any more: ask for its money back by a recall"
        f" (POST /api/v1/wires/{wire.id}/recall). The wire",
    )


async def _tell_of_payment(session: AsyncSession, payment: Payment, news: News, hits: Sequence[Hit]) -> None:
    carried_out = payment.status in _PAYMENT_CARRIED_OUT
    subject = "A payment that has left matches a new entry of a sanctions list"
    if carried_out:
        subject = "Lookback: a payment that was carried out matches a new entry of a sanctions list"
    await payment_desk.tell_staff(
        session,
        payment,
        permission="admin:compliance",
        event="lookback_finding" if carried_out else "listed_after_release",
        subject=subject,
        again=f"{news.list}/{news.label}",
        then=f"Found: {_said(hits)}. It cannot be stopped here any more: ask the bank for it by telephone.\n",
    )
