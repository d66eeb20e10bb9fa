"""Who may decide about a wire, and for how much: delegations and limits as they are kept.

Everything that is refused here is refused by the database again (`app.guard_wire_approval`), whoever asks.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from models.errors import FourEyes, NotFound, RuleRefused
from models.money import written
from models.tables.users import User, user
from models.tables.wires.rows import Wire, WireApproval
from models.wires import Approver, roles_of
from models.wires.eyes import ApproverLimitExceeded, NotDelegated

LONGEST_DELEGATION: Final = timedelta(days=90)
_DELEGATION: Final = (
    "SELECT id, delegator, delegate, roles, starts_at, ends_at, reason, created_at, ended_at, ended_by,"
    " starts_at <= clock_timestamp() AND least(ends_at, ended_at) > clock_timestamp() AS active"
    " FROM approver_delegations"
)
_SAME_EYES: Final = text("SELECT app.same_eyes(:one, :other, :at)")


async def roles_for(session: AsyncSession, officer: UUID, rights: frozenset[str], behalf: UUID | None) -> set[Approver]:
    """The places that an officer with these rights can fill, on behalf of another one perhaps. Raises `NotDelegated`.

    What was lent is worth what its lender still has: rights that were taken away since are gone for the delegate too.
    """
    own = set(roles_of(rights))
    if behalf is None:
        return own
    found = await session.execute(
        text(
            f"{_DELEGATION} WHERE delegator = :delegator AND delegate = :delegate AND starts_at <= clock_timestamp()"
            " AND least(ends_at, ended_at) > clock_timestamp() ORDER BY ends_at DESC LIMIT 1"
        ),
        {"delegator": behalf, "delegate": officer},
    )
    lent = found.one_or_none()
    lender = await user(session, behalf) if lent else None
    if lent is None or lender is None or lender.status != "active" or lender.deleted_at is not None:
        raise NotDelegated("nobody of that name lets you decide in their place now")
    return own | ({Approver(role) for role in lent.roles} & roles_of(lender.rights))


async def check_eyes(
    session: AsyncSession, wire: Wire, officer: UUID, behalf: UUID | None, earlier: Sequence[WireApproval], at: datetime
) -> None:
    """Raises `FourEyes` where maker or an earlier approver and this officer are one pair of eyes: one lends the other
    their right, now or when the other one approved."""
    if behalf == wire.user_id or await same_eyes(session, wire.user_id, officer, at):
        raise FourEyes("whoever ordered this wire lends you their right, or you lend them yours")
    people = {officer, behalf} - {None}
    for approval in earlier:
        if approval.decision != "approve" or approval.officer_id == officer:
            continue
        given = approval.created_at or at
        if people & {approval.officer_id, approval.on_behalf_of} or await same_eyes(
            session, approval.officer_id, officer, at, given
        ):
            raise FourEyes("an officer who lends you their right, or you yours, has approved this wire")


async def same_eyes(session: AsyncSession, one: UUID, other: UUID, *moments: datetime) -> bool:
    """Whether one of two people lends the other their right, now or at one of these moments."""
    for at in (datetime.now(UTC), *moments):
        if (await session.execute(_SAME_EYES, {"one": one, "other": other, "at": at})).scalar_one():
            return True
    return False


async def check_limit(session: AsyncSession, principal: UUID, base_minor: int | None, currency: str) -> None:
    """Raises `ApproverLimitExceeded` for more than `principal` may approve in one wire or in 24 hours.

    From here to the end of the transaction no other approval of theirs is counted.
    """
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended('approver/' || CAST(:id AS text), 0))"), {"id": principal}
    )
    row = (
        await session.execute(
            text(
                "SELECT l.base_currency, l.per_wire_minor, l.per_day_minor, app.approved_in_a_day(:id) AS used"
                " FROM app.approver_limit(:id) AS l"
            ),
            {"id": principal},
        )
    ).one()
    if row.per_wire_minor is None and row.per_day_minor is None:
        return
    if base_minor is None or row.base_currency != currency:
        raise ApproverLimitExceeded(
            f"what this wire is worth in {row.base_currency} is not known; it takes somebody without a limit"
        )
    if row.per_wire_minor is not None and base_minor > row.per_wire_minor:
        raise ApproverLimitExceeded(f"up to {written(row.per_wire_minor, currency)} may be approved in one wire")
    if row.per_day_minor is not None and row.used + base_minor > row.per_day_minor:
        raise ApproverLimitExceeded(
            f"up to {written(row.per_day_minor, currency)} may be approved in 24 hours;"
            f" {written(row.used, currency)} of it are used"
        )


async def delegations(session: AsyncSession, *, active: bool = False) -> Sequence[Any]:
    """The delegations that there are, newest first; with `active` those that hold now."""
    condition = " WHERE starts_at <= clock_timestamp() AND least(ends_at, ended_at) > clock_timestamp()"
    found = await session.execute(text(f"{_DELEGATION}{condition if active else ''} ORDER BY id DESC LIMIT 500"))
    return found.all()


async def delegate(
    session: AsyncSession, delegator: User, to: UUID, *, starts_at: datetime, ends_at: datetime, reason: str
) -> Any:
    """Lets another officer decide in the place of `delegator`. Raises `NotFound` and `RuleRefused`."""
    other = await user(session, to)
    if other.id == delegator.id:
        raise RuleRefused("a delegation is to somebody else")
    if not timedelta(0) < ends_at - starts_at <= LONGEST_DELEGATION or ends_at <= datetime.now(UTC):
        raise RuleRefused(
            f"a delegation ends after it begins, in the future, and within {LONGEST_DELEGATION.days} days"
        )
    if other.role == "customer" or "wires:approve" not in other.rights or other.status != "active":
        raise RuleRefused("only an officer who may approve wires decides in another's place")
    made = uuid7()
    await session.execute(
        text(
            "INSERT INTO approver_delegations (id, delegator, delegate, roles, starts_at, ends_at, reason)"
            " VALUES (:id, :delegator, :delegate, :roles, :starts_at, :ends_at, :reason)"
        ),
        {
            "id": made,
            "delegator": delegator.id,
            "delegate": other.id,
            "roles": sorted(roles_of(delegator.rights)),
            "starts_at": starts_at,
            "ends_at": ends_at,
            "reason": reason,
        },
    )
    return (await session.execute(text(f"{_DELEGATION} WHERE id = :id"), {"id": made})).one()


async def end_delegation(session: AsyncSession, delegation_id: UUID, by: UUID) -> Any:
    """Ends a delegation now. Raises `NotFound` for one that has ended, and for one that is not the caller's to end."""
    ended = await session.execute(
        text(
            "UPDATE approver_delegations SET ended_at = clock_timestamp(), ended_by = :by"
            " WHERE id = :id AND ended_at IS NULL AND ends_at > clock_timestamp() RETURNING id"
        ),
        {"id": delegation_id, "by": by},
    )
    if ended.scalar_one_or_none() is None:
        raise NotFound("there is no such delegation that you could end")
    return (await session.execute(text(f"{_DELEGATION} WHERE id = :id"), {"id": delegation_id})).one()
