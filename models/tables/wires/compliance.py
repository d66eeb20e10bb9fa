"""What officers of the compliance desk rule about a wire: about its hits, and about its money while it is blocked.

Each act is one transaction of the caller: the row is locked, the rule is asked, and the ruling, the new status, the
money, the timeline and the outbox row are written together (design §1). A ruling is proposed by one officer and
confirmed by another one, by asking for the same; whoever asks for the other thing withdraws it and proposes that.
The database refuses whatever is refused here (`app.guard_ruling`, `app.guard_wire`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from models.errors import AlreadyDecided, FourEyes, NotFound, RuleRefused, WrongState
from models.screening import Hit, Verdict
from models.screening.parties import record_of
from models.tables import ledger, sanctions
from models.tables.wires import blocked
from models.tables.wires.rows import Wire, tell
from models.tables.wires.waking import to_decide, wake
from models.wires.compliance import ABOUT_HITS, REVIEWABLE, HitState, Ruling, SeniorNeeded
from models.wires.states import ComplianceStatus, WireStatus

_STATE: Final = (
    "CASE WHEN h.known IS NOT NULL THEN 'known' ELSE coalesce((SELECT CASE r.ruling WHEN 'clear' THEN 'cleared'"
    " ELSE 'confirmed' END FROM wire_rulings r WHERE r.hit_id = h.id AND r.confirmed_at IS NOT NULL"
    " ORDER BY r.confirmed_at DESC LIMIT 1), 'pending') END"
)
_FINDINGS: Final = text(
    f"SELECT h.*, {_STATE} AS state, (SELECT e.content FROM sanctions_entries e WHERE e.list = h.list"  # noqa: S608 - our own text
    " AND e.id = h.entry_id AND e.hash = h.entry_hash LIMIT 1) AS listed FROM wire_hits h WHERE h.wire_id = :wire_id"
    " ORDER BY h.score DESC, h.id"
)
_UNSETTLED: Final = text(
    f"SELECT h.id, h.verdict, {_STATE} AS state FROM wire_hits h"  # noqa: S608 - our own text
    f" WHERE h.wire_id = :wire_id AND {_STATE} IN ('pending', 'confirmed')"
)
_RULINGS: Final = text("SELECT * FROM wire_rulings WHERE wire_id = :wire_id ORDER BY proposed_at, id")
_OPEN: Final = text(
    "SELECT * FROM wire_rulings WHERE wire_id = :wire_id AND hit_id IS NOT DISTINCT FROM CAST(:hit_id AS bigint)"
    " AND confirmed_at IS NULL AND withdrawn_at IS NULL"
)
_PROPOSE: Final = text(
    "INSERT INTO wire_rulings (id, wire_id, maker_id, hit_id, ruling, reason, licence, memory_id, proposed_by,"
    " proposed_senior) VALUES (:id, :wire_id, :maker_id, :hit_id, :ruling, :reason, :licence, :memory_id, :officer,"
    " :senior)"
)
_SAME_EYES: Final = text(
    "SELECT app.same_eyes(:one, :other, clock_timestamp()) OR app.same_eyes(:one, :other, :at)"
    " OR app.same_eyes(:maker, :other, clock_timestamp())"
)


@dataclass(frozen=True)
class Ruler:
    """The officer who rules, and whether they are a senior one."""

    id: UUID
    senior: bool


@dataclass(frozen=True)
class Wish:
    """What an officer asks for. `hit_id` where it is about a hit, `licence` where it gives blocked property back,
    `remember_days` where the pair of party and entry is to be remembered as false for so long."""

    ruling: Ruling
    reason: str
    hit_id: int | None = None
    licence: str | None = None
    remember_days: int | None = None


async def findings(session: AsyncSession, wire_id: UUID) -> Sequence[Any]:
    """What screening found in a wire, strongest first: each hit with its `state`, and with the entry as the version of
    the list had it that it was found by (`listed`)."""
    return (await session.execute(_FINDINGS, {"wire_id": wire_id})).all()


async def rulings(session: AsyncSession, wire_id: UUID) -> Sequence[Any]:
    """What was ruled about a wire, in order, what was withdrawn or is not confirmed yet too."""
    return (await session.execute(_RULINGS, {"wire_id": wire_id})).all()


async def unsettled(session: AsyncSession, wire_id: UUID) -> Sequence[Any]:
    """The hits that stop a wire: `id`, `verdict`, and `state`, which is pending or confirmed."""
    return (await session.execute(_UNSETTLED, {"wire_id": wire_id})).all()


async def ruled(session: AsyncSession, wire_id: UUID, ruling: Ruling) -> Any:
    """The confirmed ruling of that kind about a wire's money, None where there is none."""
    return next(
        (one for one in await rulings(session, wire_id) if one.ruling == ruling and one.confirmed_at is not None), None
    )


async def rule(
    session: AsyncSession, wire_id: UUID, officer: Ruler, wish: Wish, *, request_id: str | None = None
) -> Wire:
    """Proposes a ruling, or confirms that of another officer who asked for the same. Asked again, changes nothing.

    Raises `NotFound`, `FourEyes`, `WrongState`, `AlreadyDecided`, `SeniorNeeded`, and `RuleRefused` where a pair cannot
    be remembered, or property has no interest rate to be given back by.
    """
    wire = await to_decide(session, wire_id, officer.id)
    hit = await _hit_to_rule(session, wire, wish)
    proposal = await _proposal(session, wire.id, wish.hit_id)
    if proposal is not None and proposal.ruling == wish.ruling:
        if proposal.proposed_by == officer.id:
            return wire
        return await _confirm(session, wire, proposal, officer, request_id)
    if proposal is not None:
        await _withdraw(session, wire, proposal, officer)
    await _propose(session, wire, hit, officer, wish)
    await wake(session, wire, request_id)
    return wire


async def confirm_ruling(
    session: AsyncSession, wire_id: UUID, officer: Ruler, *, hit_id: int | None = None, request_id: str | None = None
) -> Wire:
    """Confirms what another officer has proposed about a hit, or without `hit_id` about the money.

    Raises `NotFound` (nothing is proposed), `FourEyes`, `WrongState`, `SeniorNeeded`.
    """
    wire = await to_decide(session, wire_id, officer.id)
    proposal = await _proposal(session, wire.id, hit_id)
    if proposal is None:
        raise NotFound("nothing is proposed that could be confirmed")
    return await _confirm(session, wire, proposal, officer, request_id)


async def _hit_to_rule(session: AsyncSession, wire: Wire, wish: Wish) -> Any:
    """The hit that is ruled about, None for a ruling about the money. Raises where there is nothing to rule."""
    status = WireStatus(wire.status)
    if wish.ruling in ABOUT_HITS:
        hit = next((one for one in await findings(session, wire.id) if one.id == wish.hit_id), None)
        if hit is None:
            raise NotFound("there is no such hit")
        if status not in REVIEWABLE or wire.transaction_id is not None:
            raise WrongState(f"the wire is {_told(wire)}; its hits are not decided about any more")
        if hit.state == HitState.KNOWN:
            raise WrongState("this is a remembered false positive, and no hit")
        if hit.state == (HitState.CLEARED if wish.ruling is Ruling.CLEAR else HitState.CONFIRMED):
            raise AlreadyDecided(f"this hit is {hit.state} already")
        return hit
    if status is not WireStatus.BLOCKED or (wire.transaction_id is None) == (wish.ruling is Ruling.RELEASE):
        raise WrongState(f"the wire is {_told(wire)}; there is nothing to {wish.ruling} about it")
    if wish.ruling is Ruling.RELEASE:
        if await ruled(session, wire.id, Ruling.RELEASE) is not None:
            raise AlreadyDecided("the release of this property is decided already")
        await blocked.check_rate(session, wire.currency)
        return None
    if await ruled(session, wire.id, Ruling.SEIZE) is not None:
        raise AlreadyDecided("the money of this wire is seized already")
    if not any(one.state == HitState.CONFIRMED for one in await unsettled(session, wire.id)):
        raise WrongState(f"no hit of this wire is confirmed; there is nothing to {wish.ruling} it for")
    return None


def _told(wire: Wire) -> str:
    return "seized" if wire.compliance_status == ComplianceStatus.BLOCKED else wire.status


async def _proposal(session: AsyncSession, wire_id: UUID, hit_id: int | None) -> Any:
    return (await session.execute(_OPEN, {"wire_id": wire_id, "hit_id": hit_id})).one_or_none()


async def _propose(session: AsyncSession, wire: Wire, hit: Any, officer: Ruler, wish: Wish) -> None:
    memory = None
    if wish.remember_days is not None:
        memory = await _remember(session, wire, hit, officer, wish.reason, wish.remember_days)
    await session.execute(
        _PROPOSE,
        {
            "id": uuid7(),
            "wire_id": wire.id,
            "maker_id": wire.user_id,
            "hit_id": wish.hit_id,
            "ruling": wish.ruling,
            "reason": wish.reason,
            "licence": wish.licence,
            "memory_id": memory,
            "officer": officer.id,
            "senior": officer.senior,
        },
    )
    await _tell(session, wire, "proposed", wish.ruling, officer, wish.hit_id, wish.reason)


async def _remember(session: AsyncSession, wire: Wire, hit: Any, officer: Ruler, reason: str, days: int) -> UUID:
    record = record_of(hit.field, wire.model_dump())
    if record is None or hit.parts.get("algorithm", "").startswith("identifier"):
        raise RuleRefused("a number, and a text that somebody wrote, are looked at each time; they are not remembered")
    if hit.entry_hash is None or hit.subject_hash is None:
        raise RuleRefused("what was compared is not kept with this hit, so that it cannot be remembered")
    found = Hit(
        entry_id=hit.entry_id,
        list_version=hit.list_version,
        field=hit.field,
        matched=hit.matched,
        score=hit.score,
        verdict=Verdict(hit.verdict),
        list=hit.list,
        entry_hash=hit.entry_hash,
        subject_hash=hit.subject_hash,
    )
    made = await sanctions.propose(
        session,
        subject=record,
        hit=found,
        reason=reason,
        proposed_by=officer.id,
        expires_at=datetime.now(UTC) + timedelta(days=days),
    )
    return made.id


async def _withdraw(session: AsyncSession, wire: Wire, proposal: Any, officer: Ruler) -> None:
    await session.execute(
        text("UPDATE wire_rulings SET withdrawn_by = :officer, withdrawn_at = clock_timestamp() WHERE id = :id"),
        {"officer": officer.id, "id": proposal.id},
    )
    if proposal.memory_id is not None:
        await sanctions.void(session, proposal.memory_id, by=officer.id, reason="the proposal was withdrawn")
    await _tell(session, wire, "withdrawn", proposal.ruling, officer, proposal.hit_id, "")


async def _confirm(session: AsyncSession, wire: Wire, proposal: Any, officer: Ruler, request_id: str | None) -> Wire:
    ruling = Ruling(proposal.ruling)
    await _check_confirmable(session, wire, proposal, officer)
    await session.execute(
        text(
            "UPDATE wire_rulings SET confirmed_by = :officer, confirmed_senior = :senior,"
            " confirmed_at = clock_timestamp() WHERE id = :id"
        ),
        {"officer": officer.id, "senior": officer.senior, "id": proposal.id},
    )
    if proposal.memory_id is not None:
        await sanctions.approve(session, proposal.memory_id, officer.id)
    match ruling:
        case Ruling.CLEAR:
            await _go_on(session, wire)
        case Ruling.CONFIRM:
            # The process blocks it. Until then the database lets it go nowhere else.
            wire.compliance_status = ComplianceStatus.HIT
        case Ruling.REJECT:
            wire.status = WireStatus.REJECTED
            # As every other rejection: what the customer reads does not tell which desk it was.
            wire.reason_code, wire.reason_text = "rejected_by_officer", proposal.reason
            wire.reason_withheld = True
    await session.flush()
    if ruling is Ruling.REJECT:
        await ledger.release_hold(session, "wire", wire.id)
    await _tell(session, wire, "ruled", ruling, officer, proposal.hit_id, proposal.reason)
    if ruling is Ruling.REJECT:
        await tell(session, wire, "rejected", actor="officer", actor_id=officer.id, data={"reason": proposal.reason})
    await wake(session, wire, request_id)
    return wire


async def _check_confirmable(session: AsyncSession, wire: Wire, proposal: Any, officer: Ruler) -> None:
    if proposal.proposed_by == officer.id:
        raise FourEyes("you proposed this; another officer confirms it")
    eyes = {"one": proposal.proposed_by, "other": officer.id, "at": proposal.proposed_at, "maker": wire.user_id}
    if (await session.execute(_SAME_EYES, eyes)).scalar_one():
        raise FourEyes("whoever proposed this, or ordered the wire, lends you their right, or you lend them yours")
    wish = Wish(Ruling(proposal.ruling), proposal.reason, proposal.hit_id, proposal.licence)
    await _hit_to_rule(session, wire, wish)
    stopped = wire.status == WireStatus.BLOCKED and wish.ruling is not Ruling.CONFIRM
    if stopped and not (proposal.proposed_senior or officer.senior):
        raise SeniorNeeded("this wire is blocked: one of the two officers who decide that has to be a senior one")


async def _go_on(session: AsyncSession, wire: Wire) -> None:
    """Lets a wire whose hits are all cleared go on; a blocked one to its approvers, from the beginning."""
    if await unsettled(session, wire.id):
        return
    wire.compliance_status = ComplianceStatus.CLEAR
    if wire.status == WireStatus.BLOCKED:
        wire.status = WireStatus.PENDING
        wire.reason_code = wire.reason_text = None


async def _tell(
    session: AsyncSession, wire: Wire, what: str, ruling: str, officer: Ruler, hit_id: int | None, reason: str
) -> None:
    data = {"ruling": ruling, "hit": hit_id, "reason": reason}
    await tell(session, wire, f"compliance_{what}", actor="officer", actor_id=officer.id, data=data)
