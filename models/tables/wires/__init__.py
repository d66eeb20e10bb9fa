"""Wires as they are kept (`rows`), and what people do to them (`acts`)."""

from models.tables.wires.acts import approve, cancel, ordered, place, reject
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
    state,
    tell,
    timeline,
)

__all__ = [
    "Wire",
    "WireApproval",
    "WireEvent",
    "WireHit",
    "approvals",
    "approve",
    "cancel",
    "find",
    "found",
    "given",
    "hits",
    "locked",
    "ordered",
    "place",
    "reject",
    "state",
    "tell",
    "timeline",
]
