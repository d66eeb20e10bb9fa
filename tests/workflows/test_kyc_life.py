"""More than a year in a customer's life, with time skipped: approved, asked to renew, late, restricted, renewed."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from infra.database import transaction
from models.tables.kyc import acts
from tests.factories import kyc as make
from tests.workflows.conftest import Desk, until


async def _letters(desk: Desk, who: UUID) -> list[str]:
    async with transaction(desk.engine) as session:
        rows = await session.execute(
            text("SELECT event FROM notifications WHERE user_id = :who ORDER BY id"), {"who": who}
        )
        return list(rows.scalars().all())


async def _review(desk: Desk, customer: UUID, number: int) -> dict[str, Any]:
    async with transaction(desk.engine) as session:
        found = await session.execute(
            text("SELECT * FROM kyc_cases WHERE user_id = :id AND number = :number"), {"id": customer, "number": number}
        )
        return dict(found.mappings().one())


async def _approved(desk: Desk, staff: make.Staff) -> UUID:
    customer = await make.applicant(desk.engine)
    await make.document(desk.engine, customer)
    exposed = make.ORDINARY.model_copy(update={"politically_exposed": True})
    case = await make.submitted(desk.api_engine, customer, declaration=exposed)
    await desk.dispatch()
    await until(lambda: _review(desk, customer, 1), lambda seen: seen["status"] == "in_review")
    await make.approved(desk.api_engine, case.id, staff.officers[0])
    await make.approved(desk.api_engine, case.id, staff.senior, senior=True)
    await desk.dispatch()
    await desk.client.get_workflow_handle(f"kyc/{customer}/1").result()
    return customer


async def _daily_look(desk: Desk) -> None:
    # A name of its own: the schedule gives each run a date.
    name = f"kyc-expiry-{datetime.now(UTC):%H%M%S%f}"
    await desk.client.execute_workflow("kyc-expiry", id=name, task_queue=desk.settings.task_queue)
    await desk.dispatch()


async def test_a_year_and_a_half_of_a_customer(desk: Desk) -> None:
    staff = await make.staff(desk.engine, lists=False)
    customer = await _approved(desk, staff)
    assert (await make.standing(desk.engine, customer))["kyc_review_due"].year == datetime.now(UTC).year + 1
    # People of other tests of the desk are approved, and have no day: they are given one, too.
    async with transaction(desk.engine) as session:
        await session.execute(
            text("UPDATE users SET kyc_review_due = now() + interval '200 days' WHERE id <> :id"), {"id": customer}
        )
    await _daily_look(desk)
    assert await desk.count("kyc_cases") == 1
    # Nine months later, for the daily look: the review is due in three.
    async with transaction(desk.engine) as session:
        await session.execute(
            text("UPDATE users SET kyc_review_due = now() + interval '90 days' WHERE id = :id"), {"id": customer}
        )
    await _daily_look(desk)
    assert await desk.count("kyc_cases") == 2
    process = desk.client.get_workflow_handle(f"kyc/{customer}/2")
    told = ["kyc.submitted", "kyc.approved", "kyc.notice_90"]
    for days, letter, restriction in (
        (0, None, "none"),
        (61, "kyc.notice_30", "none"),
        (23, "kyc.notice_7", "none"),
        (7, "kyc.limited", "limited"),
        (30, "kyc.frozen", "frozen"),
    ):
        if letter is not None:
            await desk.time.fast_forward(process, timedelta(days=days))
            told.append(letter)
        seen = await until(lambda: _letters(desk, customer), lambda seen: len(seen) >= len(told))
        assert seen == told
        stands = await make.standing(desk.engine, customer)
        assert stands["kyc_restriction"] == restriction
    assert stands["kyc_status"] == "expired"
    await desk.time.fast_forward(process, timedelta(days=60))
    review = await until(lambda: _review(desk, customer, 2), lambda seen: seen["status"] == "in_review")
    assert (review["rung"], review["restriction"]) == ("exit", "exit")
    assert "kyc.exit_review" in await _letters(desk, staff.senior)
    # They have come after all: an officer asks, they answer, and the review is passed.
    await make.asked(desk.api_engine, review["id"], staff.officers[0])
    await desk.dispatch()
    await make.document(desk.engine, customer, "proof_of_address")
    async with transaction(desk.engine) as session:
        case = await session.execute(text("SELECT status FROM kyc_cases WHERE id = :id"), {"id": review["id"]})
        assert case.scalar_one() == "info_requested"
    await _answered(desk, customer, review["id"])
    await until(lambda: _review(desk, customer, 2), lambda seen: seen["status"] == "in_review")
    await make.approved(desk.api_engine, review["id"], staff.officers[0])
    await make.approved(desk.api_engine, review["id"], staff.senior, senior=True)
    await desk.dispatch()
    await process.result()
    stands = await make.standing(desk.engine, customer)
    assert (stands["kyc_status"], stands["kyc_restriction"]) == ("approved", "none")
    assert (await _letters(desk, customer))[-1] == "kyc.approved"
    history = await process.fetch_history()
    # The longest way there is: the whole ladder, and a question.
    assert len(history.events) <= 110


async def _answered(desk: Desk, customer: UUID, case_id: UUID) -> None:
    async with transaction(desk.api_engine, make.as_customer(customer)) as session:
        await acts.answer(session, case_id, customer, "In Utrecht", at=datetime.now(UTC))
    await desk.dispatch()
