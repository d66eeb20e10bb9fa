"""The process of a review, with time skipped: each way it can go, and what becomes of the customer."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from temporalio.client import WorkflowHandle

from infra.database import transaction
from models.errors import AlreadyDecided, DeadlinePassed, RuleRefused, WrongState
from models.kyc.process import KycState
from models.kyc.requirements import DocumentsMissing, ProfileIncomplete
from models.kyc.states import Rejection
from models.tables.kyc.rows import KycCase
from tests.factories import kyc as make
from tests.factories.damage import damage
from tests.factories.wires import sanctions_list
from tests.workflows.conftest import Desk, until

EVENTS_A_REVIEW_MAY_TAKE = 45


@pytest.fixture
async def staff(desk: Desk) -> make.Staff:
    """Officers beside those of the wire desk."""
    return await make.staff(desk.engine, lists=False)


def process(desk: Desk, case: KycCase) -> WorkflowHandle[Any, KycState]:
    return desk.client.get_workflow_handle(f"kyc/{case.user_id}/{case.number}", result_type=KycState)


async def row(desk: Desk, case_id: UUID) -> dict[str, Any]:
    async with transaction(desk.engine) as session:
        found = await session.execute(text("SELECT * FROM kyc_cases WHERE id = :id"), {"id": case_id})
        return dict(found.mappings().one())


async def reaches(desk: Desk, case: KycCase, column: str, *values: str) -> dict[str, Any]:
    """Waits until the review's column has one of the values."""
    reached: dict[str, Any] = await until(lambda: row(desk, case.id), lambda seen: seen[column] in values)
    return reached


async def events(desk: Desk, case: KycCase) -> list[str]:
    async with transaction(desk.engine) as session:
        rows = await session.execute(
            text("SELECT event FROM kyc_events WHERE case_id = :id ORDER BY id"), {"id": case.id}
        )
        return list(rows.scalars().all())


async def letters(desk: Desk, who: UUID) -> list[str]:
    async with transaction(desk.engine) as session:
        rows = await session.execute(
            text("SELECT event FROM notifications WHERE user_id = :who ORDER BY id"), {"who": who}
        )
        return list(rows.scalars().all())


async def applied(
    desk: Desk, *, name: str = "Nora Newcomer", papers: tuple[str, ...] = ("passport",), **how: Any
) -> Any:
    """Somebody who has submitted, with the process started."""
    customer = await make.applicant(desk.engine, name)
    for kind in papers:
        await make.document(desk.engine, customer, kind)
    case = await make.submitted(desk.api_engine, customer, **how)
    await desk.dispatch()
    return case


async def in_review(desk: Desk, **how: Any) -> Any:
    case = await applied(desk, **how)
    await reaches(desk, case, "status", "in_review")
    return case


async def skip(desk: Desk, case: KycCase, span: timedelta) -> None:
    await desk.time.fast_forward(process(desk, case), span)


async def test_an_ordinary_application_is_approved_by_one_officer(desk: Desk, staff: make.Staff) -> None:
    case = await in_review(desk)
    assert (await make.standing(desk.engine, case.user_id))["kyc_status"] == "in_review"
    await make.claimed(desk.api_engine, case.id, staff.officers[0])
    await make.approved(desk.api_engine, case.id, staff.officers[0])
    await desk.dispatch()
    outcome = await process(desk, case).result()
    assert outcome.status == "approved"
    stands = await make.standing(desk.engine, case.user_id)
    assert (stands["kyc_status"], stands["kyc_restriction"], stands["tier"], stands["risk_level"]) == (
        "approved", "none", "standard", "low",
    )  # fmt: skip
    assert stands["kyc_review_due"].year == datetime.now(UTC).year + 5
    assert await events(desk, case) == ["submitted", "checked", "in_review", "claimed", "approval_given"]
    assert await letters(desk, case.user_id) == ["kyc.submitted", "kyc.approved"]
    assert await desk.count("kyc_documents WHERE verification_status = 'verified'") == 1
    history = await process(desk, case).fetch_history()
    assert len(history.events) <= EVENTS_A_REVIEW_MAY_TAKE


async def test_high_risk_takes_two_officers_one_of_them_senior(desk: Desk, staff: make.Staff) -> None:
    exposed = make.ORDINARY.model_copy(update={"politically_exposed": True})
    case = await in_review(desk, declaration=exposed)
    found = await row(desk, case.id)
    assert (found["risk_level"], found["approvals_required"], found["senior_required"]) == ("high", 2, True)
    assert found["sla_deadline"] - found["sla_started_at"] == timedelta(hours=50)
    await make.approved(desk.api_engine, case.id, staff.officers[0])
    with pytest.raises(AlreadyDecided):
        await make.approved(desk.api_engine, case.id, staff.officers[0])
    await make.approved(desk.api_engine, case.id, staff.officers[1])
    assert (await row(desk, case.id))["status"] == "in_review"
    await make.approved(desk.api_engine, case.id, staff.senior, senior=True)
    await desk.dispatch()
    assert (await process(desk, case).result()).status == "approved"
    stands = await make.standing(desk.engine, case.user_id)
    assert (stands["risk_level"], stands["kyc_review_due"].year) == ("high", datetime.now(UTC).year + 1)


async def test_a_listed_name_is_passed_only_by_two_with_a_reason_and_never_told(desk: Desk, staff: make.Staff) -> None:
    case = await in_review(desk, name="Viktor Grimsholm")
    assert (await row(desk, case.id))["approvals_required"] == 2
    with pytest.raises(RuleRefused, match="not meant"):
        await make.approved(desk.api_engine, case.id, staff.officers[0], comment=" ")
    await make.rejected(desk.api_engine, case.id, staff.officers[0], Rejection.OUTSIDE_POLICY)
    await desk.dispatch()
    assert (await process(desk, case).result()).status == "rejected"
    assert (await make.standing(desk.engine, case.user_id))["kyc_status"] == "rejected"
    async with transaction(desk.engine) as session:
        told = await session.execute(text("SELECT body FROM notifications WHERE event = 'kyc.rejected'"))
        assert "may not say more" in told.scalar_one()


async def test_what_is_not_there_is_not_submitted(desk: Desk) -> None:
    customer = await make.applicant(desk.engine, date_of_birth=None)
    with pytest.raises(ProfileIncomplete):
        await make.submitted(desk.api_engine, customer)
    customer = await make.applicant(desk.engine)
    with pytest.raises(DocumentsMissing):
        await make.submitted(desk.api_engine, customer)
    assert await desk.count("kyc_cases") == 0
    assert (await make.standing(desk.engine, customer))["kyc_status"] == "not_started"
    await make.document(desk.engine, customer)
    assert (await make.standing(desk.engine, customer))["kyc_status"] == "pending"


async def test_what_the_scanner_refuses_is_asked_for_again(desk: Desk, staff: make.Staff) -> None:
    customer = await make.applicant(desk.engine)
    paper = await make.document(desk.engine, customer, scan="pending")
    case = await make.submitted(desk.api_engine, customer)
    await desk.dispatch()
    async with transaction(desk.engine) as session:
        await session.execute(
            text(
                "UPDATE kyc_documents SET scan_status = 'infected', scanned_at = now(), verified_at = now(),"
                " verification_status = 'rejected', reason_code = 'infected' WHERE id = :id"
            ),
            {"id": paper},
        )
    await reaches(desk, case, "status", "info_requested")
    assert await letters(desk, customer) == ["kyc.submitted", "kyc.asked/1"]
    await make.document(desk.engine, customer)
    await make.answered(desk.api_engine, case)
    await desk.dispatch()
    found = await reaches(desk, case, "status", "in_review")
    assert found["round"] == 2


async def test_a_question_is_answered_and_earlier_approvals_are_void(desk: Desk, staff: make.Staff) -> None:
    exposed = make.ORDINARY.model_copy(update={"politically_exposed": True})
    case = await in_review(desk, declaration=exposed)
    await make.approved(desk.api_engine, case.id, staff.officers[0])
    await make.asked(desk.api_engine, case.id, staff.officers[1])
    await desk.dispatch()
    await until(lambda: letters(desk, case.user_id), lambda told: "kyc.asked/1" in told)
    await make.answered(desk.api_engine, case, "In Utrecht")
    await desk.dispatch()
    await reaches(desk, case, "status", "in_review")
    await make.approved(desk.api_engine, case.id, staff.senior, senior=True)
    assert (await row(desk, case.id))["status"] == "in_review"
    await make.approved(desk.api_engine, case.id, staff.officers[0])
    await desk.dispatch()
    assert (await process(desk, case).result()).status == "approved"


async def test_an_unanswered_application_ends_after_two_reminders(desk: Desk, staff: make.Staff) -> None:
    case = await in_review(desk)
    await make.asked(desk.api_engine, case.id, staff.officers[0])
    await desk.dispatch()
    await until(lambda: letters(desk, case.user_id), lambda told: "kyc.asked/1" in told)
    await desk.time.fast_forward(process(desk, case))
    assert (await process(desk, case).result()).status == "expired"
    assert await letters(desk, case.user_id) == [
        "kyc.submitted", "kyc.asked/1", "kyc.reminded/1", "kyc.escalated/1", "kyc.unanswered",
    ]  # fmt: skip
    assert (await make.standing(desk.engine, case.user_id))["kyc_status"] == "expired"
    with pytest.raises(WrongState):
        await make.answered(desk.api_engine, case)
    again = await make.submitted(desk.api_engine, case.user_id)
    assert (again.number, again.occasion) == (2, "initial")


async def test_an_answer_after_its_time_is_refused_even_before_the_process_looks(desk: Desk, staff: make.Staff) -> None:
    case = await in_review(desk)
    await make.asked(desk.api_engine, case.id, staff.officers[0])
    with pytest.raises(DeadlinePassed):
        await make.answered(desk.api_engine, case, at=datetime.now(UTC) + timedelta(days=15))


async def test_officers_are_reminded_and_never_decided_for(desk: Desk, staff: make.Staff) -> None:
    case = await in_review(desk)
    await skip(desk, case, timedelta(hours=11))
    await reaches(desk, case, "sla_stage", "reminded")
    assert await letters(desk, staff.officers[0]) == ["kyc.sla_reminded"]
    await skip(desk, case, timedelta(days=30))
    await reaches(desk, case, "sla_stage", "breached")
    assert await letters(desk, staff.senior) == ["kyc.sla_reminded", "kyc.sla_escalated", "kyc.sla_breached"]
    assert await letters(desk, staff.officers[0]) == ["kyc.sla_reminded"]
    assert (await row(desk, case.id))["status"] == "in_review"
    await make.approved(desk.api_engine, case.id, staff.officers[0])
    await desk.dispatch()
    assert (await process(desk, case).result()).status == "approved"


async def test_a_withdrawn_application_is_as_if_it_had_not_been(desk: Desk, staff: make.Staff) -> None:
    case = await in_review(desk)
    await make.withdrawn(desk.api_engine, case)
    await desk.dispatch()
    outcome = await process(desk, case).result()
    assert (outcome.status, outcome.reason_code) == ("expired", "withdrawn")
    assert (await make.standing(desk.engine, case.user_id))["kyc_status"] == "not_started"
    with pytest.raises(WrongState):
        await make.approved(desk.api_engine, case.id, staff.officers[0])


async def test_what_changed_since_the_checks_is_checked_again_before_anybody_approves(
    desk: Desk, staff: make.Staff
) -> None:
    case = await in_review(desk)
    async with transaction(desk.engine) as session:
        await session.execute(text("UPDATE users SET last_name = 'Other' WHERE id = :id"), {"id": case.user_id})
    outcome = await make.approved(desk.api_engine, case.id, staff.officers[0])
    assert outcome.stale
    assert await desk.count("kyc_decisions") == 0
    await desk.dispatch()
    await reaches(desk, case, "status", "in_review")
    assert not (await make.approved(desk.api_engine, case.id, staff.officers[0])).stale
    await desk.dispatch()
    assert (await process(desk, case).result()).status == "approved"
    assert await desk.count("kyc_assessments") == 2


async def test_the_same_file_at_two_customers_is_for_two_officers(desk: Desk, staff: make.Staff) -> None:
    other = await make.applicant(desk.engine, "Olaf Other")
    await make.document(desk.engine, other, content="one passport")
    customer = await make.applicant(desk.engine)
    await make.document(desk.engine, customer, content="one passport")
    case = await make.submitted(desk.api_engine, customer)
    await desk.dispatch()
    found = await reaches(desk, case, "status", "in_review")
    assert (found["risk_level"], found["approvals_required"]) == ("high", 2)


async def test_without_a_list_a_review_waits_and_passes_nobody(desk: Desk, staff: make.Staff) -> None:
    await damage(
        desk.engine,
        "DELETE FROM sanctions_entries",
        "DELETE FROM sanctions_versions",
        "DELETE FROM sanctions_lists",
    )
    case = await applied(desk)
    await until(lambda: desk.count("outbox WHERE dispatched_at IS NULL"), lambda waiting: waiting == 0)
    assert (await row(desk, case.id))["status"] == "submitted"
    await sanctions_list(desk.engine)
    await reaches(desk, case, "status", "in_review")
