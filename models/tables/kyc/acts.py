"""What customers do about a review of them: hand in, answer, take back.

Each act is one transaction of the caller: the row is locked, the rule is asked, and the new status, the timeline and
the outbox row are written together; the database moves the customer with it. Whoever comes second sees what was done.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import CustomerFrozen, DeadlinePassed, NotFound, WrongState
from models.kyc.declaration import Declaration
from models.kyc.policy import KycRejected
from models.kyc.requirements import DocumentsMissing, ProfileIncomplete, lacking
from models.kyc.states import CURABLE, WITHDRAWN, KycStatus, Mover, Occasion, may_move
from models.sla import SlaStage
from models.tables.kyc import documents
from models.tables.kyc.cases import find, locked, newest, open_question, tell, wake
from models.tables.kyc.content import what_is_missing
from models.tables.kyc.rows import KycCase
from models.tables.users import User, lock_user


async def submit(
    session: AsyncSession,
    customer: UUID,
    tier: str,
    declaration: Declaration,
    *,
    at: datetime,
    request_id: str | None = None,
) -> KycCase:
    """The customer hands in what is there: as an application, or for the review that waits for it.

    Raises `CustomerFrozen`, `WrongState` (approved with nothing to hand in, or handed in already), `KycRejected` (for
    good), `ProfileIncomplete` and `DocumentsMissing`; then nothing is stored.
    """
    waiting = await newest(session, customer, still_open=True)
    case = await locked(session, waiting.id) if waiting else None
    person = await lock_user(session, customer)
    if person.status != "active":
        raise CustomerFrozen("your access is frozen; speak to the bank")
    if case is not None and case.status != KycStatus.PENDING:
        raise WrongState(f"your identity check is {case.status}; there is nothing to submit now")
    if case is None:
        await _may_apply(session, person)
    await _check_complete(session, person, case, tier, at)
    if case is None:
        case = await _apply(session, person, tier, declaration)
    else:
        case.tier, case.declaration = tier, declaration.model_dump(mode="json")
        case.status, case.round = KycStatus.SUBMITTED, case.round + 1
        await session.flush()
    await tell(session, case, "submitted", actor="customer", actor_id=customer, data={"tier": tier})
    await wake(session, case, request_id)
    return case


async def _may_apply(session: AsyncSession, person: User) -> None:
    if person.kyc_status == KycStatus.APPROVED:
        raise WrongState("your identity check is approved; there is nothing to submit")
    last = await newest(session, person.id)
    final = person.kyc_status == KycStatus.REJECTED and (
        last is None or last.reason_code not in {str(reason) for reason in CURABLE}
    )
    if final:
        raise KycRejected("your identity check was not passed, and cannot be asked for again; speak to the bank")
    if person.kyc_status not in {KycStatus.NOT_STARTED, KycStatus.PENDING, KycStatus.REJECTED, KycStatus.EXPIRED}:
        # Somebody held because of a review that they do not know of.
        raise WrongState("your identity check is in progress; there is nothing to submit now")


async def _check_complete(session: AsyncSession, person: User, case: KycCase | None, tier: str, at: datetime) -> None:
    country = (person.address or {}).get("country")
    fields = lacking(person.first_name, person.last_name, person.date_of_birth, country)
    if fields:
        raise ProfileIncomplete(f"fill in your profile first: {', '.join(fields)}", missing=list(fields))
    found = await documents.of_customer(session, person.id)
    lack = what_is_missing(person, case, tier, found, at.date())
    if lack:
        names = ", ".join(f"{one.name} ({one.reason})" for one in lack)
        raise DocumentsMissing(f"upload these first: {names}", missing=[one.model_dump(mode="json") for one in lack])


async def _apply(session: AsyncSession, person: User, tier: str, declaration: Declaration) -> KycCase:
    number = await session.execute(text("SELECT kyc_next_number(:id)"), {"id": person.id})
    # Column by column: the API's role may say this much of a new review.
    added = await session.execute(
        text(
            "INSERT INTO kyc_cases (id, user_id, number, occasion, status, tier, declaration) VALUES"
            " (uuidv7(), :user_id, :number, :occasion, :status, :tier, CAST(:declaration AS jsonb)) RETURNING id"
        ),
        {
            "user_id": person.id,
            "number": number.scalar_one(),
            "occasion": Occasion.INITIAL,
            "status": KycStatus.SUBMITTED,
            "tier": tier,
            "declaration": declaration.model_dump_json(),
        },
    )
    return await locked(session, added.scalar_one())


async def answer(
    session: AsyncSession, case_id: UUID, customer: UUID, words: str, *, at: datetime, request_id: str | None = None
) -> KycCase:
    """The customer answers what the bank asked; the checks run again over what is there now.

    Raises `NotFound` (somebody else's, too), `WrongState` and `DeadlinePassed`.
    """
    case = await _own(session, case_id, customer)
    question = await open_question(session, case.id)
    if case.status != KycStatus.INFO_REQUESTED or question is None:
        raise WrongState(f"your identity check is {case.status}; nothing is asked")
    if case.occasion == Occasion.INITIAL and at >= question.due_at:
        raise DeadlinePassed("the time for an answer is over; you can submit again")
    question.answer, question.answered_at = words, at
    case.status, case.round = KycStatus.SUBMITTED, case.round + 1
    case.answer_stage = SlaStage.NONE
    await session.flush()
    await tell(session, case, "answered", actor="customer", actor_id=customer)
    await wake(session, case, request_id)
    return case


async def withdraw(
    session: AsyncSession, case_id: UUID, customer: UUID, *, at: datetime, request_id: str | None = None
) -> KycCase:
    """The customer takes an application back, as if it had not been. A review of the bank cannot be.

    Raises `NotFound` (somebody else's, too) and `WrongState`.
    """
    case = await _own(session, case_id, customer)
    if case.occasion != Occasion.INITIAL or not may_move(KycStatus(case.status), KycStatus.EXPIRED, Mover.CUSTOMER):
        raise WrongState(f"this identity check is {case.status} and cannot be withdrawn")
    case.status, case.reason_code, case.decided_at = KycStatus.EXPIRED, WITHDRAWN, at
    await session.flush()
    await tell(session, case, WITHDRAWN, actor="customer", actor_id=customer)
    await wake(session, case, request_id)
    return case


async def _own(session: AsyncSession, case_id: UUID, customer: UUID) -> KycCase:
    # Officers see others' reviews; these acts are the customer's alone.
    if (await find(session, case_id)).user_id != customer:
        raise NotFound("there is no such review")
    return await locked(session, case_id)
