"""A wire: its states and moves, what it costs, who has to approve it, and its entries in the ledger.

Everything here is a rule without input or output, so that the API, the process and the database say the same. The life
of a wire (contract §5):

    pending ─► awaiting_approval ⇄ info_requested ─► approved ─► released ─► acknowledged ─► completed ─► returned
       │               │                                │           │             │
       └───────┬───────┴► rejected, cancelled, expired ◄┤           └─────────────┴► failed
               └► blocked ◄─────────────────────────────┘
                     └► pending (cleared), rejected, or seized, and perhaps returned by a licence
"""

from models.sla import SlaClock, SlaStage, next_mark, sla_clock, sla_stage_at
from models.wires.approval import DEFAULT_MATRIX, Approver, Facts, Matrix, Risk, Row, place_for, roles_of
from models.wires.entries import WireMoney, licence_entry, return_entry, seizure_entry, settlement_entry
from models.wires.orders import (
    CONTENT_FIELDS,
    CONTENT_VERSION,
    ExecutionDateRefused,
    WireOrder,
    check_execution_date,
    content_hash,
    decimals,
    end_to_end_id,
    inquiry_reference,
    order_references,
)
from models.wires.process import WireStart, WireState, WireStep, case_file
from models.wires.routing import Routing, ToRoute
from models.wires.states import ENDED, MOVES, UNDECIDED, ComplianceStatus, Mover, WireStatus, may_move
from models.wires.terms import (
    FEES,
    WIRE_LIMITS,
    ChargesRefused,
    Fee,
    Price,
    PurposeNeed,
    PurposeRequired,
    WireTerms,
    check_charges,
    check_purpose,
    price,
    purpose_need,
)

__all__ = [
    "CONTENT_FIELDS",
    "CONTENT_VERSION",
    "DEFAULT_MATRIX",
    "ENDED",
    "FEES",
    "MOVES",
    "UNDECIDED",
    "WIRE_LIMITS",
    "Approver",
    "ChargesRefused",
    "ComplianceStatus",
    "ExecutionDateRefused",
    "Facts",
    "Fee",
    "Matrix",
    "Mover",
    "Price",
    "PurposeNeed",
    "PurposeRequired",
    "Risk",
    "Routing",
    "Row",
    "SlaClock",
    "SlaStage",
    "ToRoute",
    "WireMoney",
    "WireOrder",
    "WireStart",
    "WireState",
    "WireStatus",
    "WireStep",
    "WireTerms",
    "case_file",
    "check_charges",
    "check_execution_date",
    "check_purpose",
    "content_hash",
    "decimals",
    "end_to_end_id",
    "inquiry_reference",
    "licence_entry",
    "may_move",
    "next_mark",
    "order_references",
    "place_for",
    "price",
    "purpose_need",
    "return_entry",
    "roles_of",
    "seizure_entry",
    "settlement_entry",
    "sla_clock",
    "sla_stage_at",
]
