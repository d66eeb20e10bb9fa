"""Wires as they are kept (`rows`), why they go to whom (`routing`), and what people do to them (the other modules)."""

from models.tables.wires.acts import cancel, place
from models.tables.wires.claims import claim, give_back
from models.tables.wires.decisions import approve, ordered, reject
from models.tables.wires.matrices import newest_matrix, publish_matrix
from models.tables.wires.process import state
from models.tables.wires.questions import give_info, questions, request_info
from models.tables.wires.recalls import WireRecall, ask_back, locked_recall, of_wire, open_recall, wake_recall
from models.tables.wires.routing import approvals_needed, keep_routing, routing_of
from models.tables.wires.rows import (
    Wire,
    WireApproval,
    WireEvent,
    WireHit,
    approvals,
    find,
    found,
    given,
    hits,
    locked,
    tell,
    timeline,
    with_ids,
)
from models.tables.wires.snapshot import snapshot, snapshot_hash

__all__ = [
    "Wire",
    "WireApproval",
    "WireEvent",
    "WireHit",
    "WireRecall",
    "approvals",
    "approvals_needed",
    "approve",
    "ask_back",
    "cancel",
    "claim",
    "find",
    "found",
    "give_back",
    "give_info",
    "given",
    "hits",
    "keep_routing",
    "locked",
    "locked_recall",
    "newest_matrix",
    "of_wire",
    "open_recall",
    "ordered",
    "place",
    "publish_matrix",
    "questions",
    "reject",
    "request_info",
    "routing_of",
    "snapshot",
    "snapshot_hash",
    "state",
    "tell",
    "timeline",
    "wake_recall",
    "with_ids",
]
