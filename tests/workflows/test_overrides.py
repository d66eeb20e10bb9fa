"""The process of an after-review, with time skipped: told, escalated when overdue, closed by a third person alone."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle

from infra.database import Principal, transaction
from models.calendars import AlwaysOpen
from models.sla import sla_clock
from models.tables.wires import overrides
from models.tables.wires.overrides import Senior
from models.wires.overrides import AfterReviewState, Finding
from tests.factories import wires as make
from tests.workflows.conftest import Desk, until
from tests.workflows.payment_desk import passes
from tests.workflows.test_wires import awaiting, in_balance, notices

SPAN = timedelta(hours=20)


async def overridden(desk: Desk) -> tuple[UUID, UUID, UUID]:
    """A large wire that two senior officers have approved; the second of them, and the override."""
    wire_id = await awaiting(desk, amount_minor=2_000_000_00)
    await make.called(desk.engine, wire_id)
    second = await make.person(desk.engine, "Signe Senior2", role="admin", rights=make.SENIOR_RIGHTS)
    async with transaction(desk.api_engine, desk.people.as_senior()) as session:
        await overrides.propose_override(session, wire_id, Senior(desk.people.senior), reason="It closes at noon")
    await desk.dispatch()
    await until(lambda: notices(desk, second), bool)
    async with transaction(desk.api_engine, desk.people.as_senior().model_copy(update={"user_id": second})) as session:
        await overrides.confirm_override(
            session, wire_id, Senior(second), sla_clock(AlwaysOpen(), datetime.now(UTC), SPAN)
        )
        made = (await overrides.overrides(session, wire_id))[0]
    await desk.dispatch()
    return wire_id, second, made.id


def process(desk: Desk, override: UUID) -> WorkflowHandle[object, AfterReviewState]:
    return desk.client.get_workflow_handle(f"wire-after-review/{override}", result_type=AfterReviewState)


async def close(desk: Desk, override: UUID, finding: Finding) -> AfterReviewState:
    """An officer who had no part in it says what they found."""
    officer = desk.people.officers[0]
    async with transaction(desk.api_engine, desk.people.as_officer()) as session:
        await overrides.close_after_review(session, override, officer, finding=finding, note="Looked into by myself")
    await desk.dispatch()
    return await process(desk, override).result()


async def test_an_overridden_wire_leaves_and_its_review_waits_until_somebody_closes_it(desk: Desk) -> None:
    rights = frozenset({"wires:read", "admin:reports"})
    auditor = await make.person(desk.engine, "Aud Auditor", role="admin", rights=rights)
    wire_id, second, override = await overridden(desk)
    await desk.sent(wire_id)
    await desk.hear_bank()
    assert (await desk.process(wire_id).result()).status == "completed"
    first = desk.people.officers[0]
    await until(lambda: notices(desk, first), bool)
    await passes(desk, process(desk, override), SPAN * 0.6)
    assert await notices(desk, first) == ["wire.after_review_running", "wire.after_review_reminded"]
    assert await notices(desk, auditor) == []
    await passes(desk, process(desk, override), SPAN * 0.5)
    assert await notices(desk, auditor) == ["wire.after_review_breached"]
    # Half a year later nobody has closed it, and no clock does.
    await passes(desk, process(desk, override), timedelta(days=180))
    assert (await process(desk, override).describe()).status is WorkflowExecutionStatus.RUNNING
    assert await desk.count("wire_after_reviews WHERE closed_at IS NULL AND stage = 'breached'") == 1
    ended = await close(desk, override, Finding.NOT_JUSTIFIED)
    assert ended.finding == "not_justified"
    assert "wire.override_not_justified" in await notices(desk, auditor)
    # Those who decided it are asked for nothing: they are no third person.
    assert "wire.after_review_running" not in await notices(desk, second)
    assert [event for event in await desk.events(wire_id) if "override" in event or "review" in event] == [
        "compliance_override_proposed", "compliance_override_confirmed", "compliance_after_review_reminded",
        "compliance_after_review_escalated", "compliance_after_review_breached", "compliance_override_reviewed",
    ]  # fmt: skip
    await in_balance(desk, f"wire/{wire_id}/settlement")


async def test_what_is_found_justified_within_its_time_is_told_to_nobody(desk: Desk) -> None:
    wire_id, _, override = await overridden(desk)
    await until(lambda: notices(desk, desk.people.officers[0]), bool)
    assert (await close(desk, override, Finding.JUSTIFIED)).stage == "running"
    assert await notices(desk, desk.people.senior) == []
    customer = Principal(
        user_id=desk.people.customer, role="customer", permissions=desk.people.as_customer().permissions
    )
    async with transaction(desk.api_engine, customer) as session:
        assert await overrides.overrides(session, wire_id) == []
