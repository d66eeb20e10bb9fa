"""What a wire's process is told about it after each step."""

from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from models.tables.wires.cases import clock_of, open_case
from models.tables.wires.rows import Wire
from models.wires import ComplianceStatus, SlaStage, WireState, WireStatus, next_mark

_BESIDE: Final = text(
    "SELECT (SELECT message_id FROM bank_messages"
    "        WHERE wire_id = :id AND direction = 'outbound' AND recall_id IS NULL AND NOT inquiry) AS message_id,"
    " (SELECT count(*) FROM wire_approvals WHERE wire_id = :id AND place IS NOT NULL) AS given,"
    " (SELECT 'row ' || matrix_row || ' of matrix ' || matrix_version FROM wire_routings WHERE wire_id = :id) AS row,"
    " NOT app.called_back(:id) AS call_back_due"
)

_IN_DOUBT: Final = {ComplianceStatus.IN_REVIEW, ComplianceStatus.HIT}


async def state(
    session: AsyncSession, wire: Wire, *, look_again_at: datetime | None = None, ask_bank: bool = False
) -> WireState:
    """What the process is told about a wire after each step. `ask_bank`: a silent bank is to be asked."""
    beside = (await session.execute(_BESIDE, {"id": wire.id})).one()
    status = WireStatus(wire.status)
    if look_again_at is None and wire.clock and status is WireStatus.AWAITING_APPROVAL:
        look_again_at = next_mark(wire.clock, SlaStage(wire.sla_stage))
    elif look_again_at is None and status is WireStatus.INFO_REQUESTED:
        # The desk can do nothing: its marks wait for the answer, the end does not.
        look_again_at = wire.sla_hard_stop
    case = await open_case(session, wire.id) if wire.compliance_status in _IN_DOUBT else None
    if case is not None:
        marks = (look_again_at, next_mark(clock_of(case), SlaStage(case.stage)))
        look_again_at = min((mark for mark in marks if mark is not None), default=None)
    return WireState(
        wire_id=wire.id,
        status=status,
        compliance_status=ComplianceStatus(wire.compliance_status),
        amount_minor=wire.amount_minor,
        currency=wire.currency,
        recipient_country=wire.recipient_country,
        recipient_bank=wire.recipient_bank_swift or f"ABA {wire.recipient_routing_number}",
        approvals_required=wire.approvals_required,
        approvals_given=beside.given,
        senior_required=wire.senior_required,
        matrix_row=beside.row,
        call_back_due=beside.call_back_due,
        assignee=wire.assignee,
        sla_stage=SlaStage(wire.sla_stage),
        sla_deadline=wire.sla_deadline,
        screening_due=None if case is None else case.due_at,
        screening_stage=SlaStage.NONE if case is None else SlaStage(case.stage),
        look_again_at=look_again_at,
        ask_bank=ask_bank,
        message_id=beside.message_id,
        value_date=wire.value_date,
        reason_code=wire.reason_code,
    )
