"""Checking a pack against itself, and against the heads of the audit chain that somebody outside the bank has kept."""

import base64
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from models.audit_chain import COLUMNS, Head, row_hash
from models.evidence.pack import EvidencePack, Part
from models.wires import WireStatus, content_hash

# Statuses that a wire reaches only through its officers.
_APPROVED: Final = frozenset(
    {
        WireStatus.APPROVED,
        WireStatus.RELEASED,
        WireStatus.ACKNOWLEDGED,
        WireStatus.COMPLETED,
        WireStatus.RETURNED,
    }
)


class Outcome(StrEnum):
    """`proven`: worked out and right. `open`: cannot be told yet, or not from this pack. `broken`: wrong."""

    PROVEN = "proven"
    OPEN = "open"
    BROKEN = "broken"


class Finding(Part):
    """One thing that was checked."""

    check: str
    outcome: Outcome
    detail: str


def examined(pack: EvidencePack, kept: Sequence[Head] = ()) -> list[Finding]:
    """Checks a pack against itself, and against the heads that somebody outside the bank has kept."""
    return [
        *_order(pack),
        *_approvals(pack),
        *_rulings(pack),
        *_overrides(pack),
        *_call_backs(pack),
        *_entries(pack),
        *_messages(pack),
        *_lines(pack),
        *_stretches(pack, {head.chain_seq: head for head in kept}),
    ]


def verdict(findings: Sequence[Finding]) -> Outcome:
    """What the findings come to: the worst of them."""
    found = {finding.outcome for finding in findings}
    return next((one for one in (Outcome.BROKEN, Outcome.OPEN) if one in found), Outcome.PROVEN)


def _found(check: str, holds: bool, right: str, wrong: str) -> Finding:
    return Finding(check=check, outcome=Outcome.PROVEN if holds else Outcome.BROKEN, detail=right if holds else wrong)


def _order(pack: EvidencePack) -> Iterator[Finding]:
    stored = pack.wire.get("content_hash")
    yield _found(
        "order",
        content_hash(pack.order).hex() == stored and str(pack.wire.get("id")) == str(pack.wire_id),
        f"the order is the one with the hash {stored}",
        "the order is not the one that the wire's hash was made of",
    )
    differing = [name for name, value in pack.order.items() if name in pack.wire and not _same(pack.wire[name], value)]
    yield _found("order and row", not differing, "they say the same", f"they differ in {', '.join(differing)}")


def _same(stored: object, ordered: object) -> bool:
    return _plain(stored) == _plain(ordered)


def _plain(value: object) -> object:
    # What was left empty in an order may be stored as nothing at all.
    if isinstance(value, dict):
        return {name: str(part) for name, part in value.items() if part}
    return "" if value is None else str(value)


def _approvals(pack: EvidencePack) -> Iterator[Finding]:
    maker, hashed = str(pack.wire["user_id"]), pack.wire["content_hash"]
    given = [one for one in pack.approvals if one["decision"] == "approve"]
    officers = [str(one["officer_id"]) for one in pack.approvals]
    bound = all(one["content_hash"] == hashed for one in pack.approvals)
    apart = maker not in officers and len(set(officers)) == len(officers)
    yield _found("approvals are of this order", bound, f"{len(given)} of them", "one is of another content")
    yield _found("maker and checkers are different people", apart, "they are", "somebody decided twice or as its maker")
    if pack.wire["status"] in _APPROVED:
        needed = int(pack.wire["approvals_required"])
        enough = len(given) >= needed and (not pack.wire["senior_required"] or any(one["senior"] for one in given))
        overridden = any(one["confirmed_by"] and one["content_hash"] == hashed for one in pack.overrides)
        told_by = ", the rest by an override" if overridden and not enough else ""
        counted = f"{len(given)} of {needed}"
        yield _found("enough approvals", enough or overridden, f"{counted}{told_by}", f"{counted}, or no senior")
    told = {(line["user_id"], line["action"]) for line in _told(pack) if line["outcome"] == "done"}
    alone = [
        one["officer_id"]
        for one in pack.approvals
        if not any(user == str(one["officer_id"]) and str(one["decision"]) in str(action) for user, action in told)
    ]
    yield _found(
        "decisions are in the audit log", not alone, "each of them", f"none of {', '.join(map(str, alone))} is"
    )

    altered = [
        one["officer_id"]
        for one in pack.approvals
        if one.get("evidence") is not None
        and hashlib.sha256(str(one["evidence"]).encode()).hexdigest() != one["evidence_hash"]
    ]
    yield _found(
        "what officers saw is what was kept", not altered, "each of it", f"not that of {', '.join(map(str, altered))}"
    )


def _rulings(pack: EvidencePack) -> Iterator[Finding]:
    maker = str(pack.wire["user_id"])
    confirmed = [one for one in pack.rulings if one["confirmed_by"] is not None]
    alone = [
        one["id"]
        for one in confirmed
        if len({str(one["proposed_by"]), str(one["confirmed_by"]), maker}) != len(("proposer", "confirmer", "maker"))
    ]
    yield _found(
        "two officers ruled each time", not alone, f"{len(confirmed)} rulings", f"not in {', '.join(map(str, alone))}"
    )
    if pack.wire["status"] in _APPROVED:
        newest = {one["hit_id"]: one["ruling"] for one in confirmed if one["hit_id"] is not None}
        open_hits = [hit["id"] for hit in pack.screening if not hit.get("known") and newest.get(hit["id"]) != "clear"]
        yield _found(
            "every hit was cleared before the wire left",
            not open_hits,
            f"{len(pack.screening)} hits",
            f"not {', '.join(map(str, open_hits))}",
        )


def _overrides(pack: EvidencePack) -> Iterator[Finding]:
    maker = str(pack.wire["user_id"])
    for one in pack.overrides:
        if one["confirmed_by"] is None:
            continue
        deciders = {maker, str(one["proposed_by"]), str(one["confirmed_by"])}
        two = len(deciders) == len(("maker", "proposer", "confirmer"))
        yield _found("two officers decided the override", two, str(one["reason"]), "they are not two, or its maker's")
        saw = hashlib.sha256(str(one["evidence"]).encode()).hexdigest() == one["evidence_hash"]
        yield _found("what both saw of the override is what was kept", saw, "it is", "it is not")
        review = one["after_review"]
        if review is None or review["finding"] is None:
            due = "nothing" if review is None else f"due {review['due_at']}"
            yield Finding(check="after-review of the override", outcome=Outcome.OPEN, detail=f"not closed yet, {due}")
            continue
        third = str(review["closed_by"]) not in deciders
        found = str(review["finding"]).replace("_", " ")
        yield _found("after-review of the override", third, f"{found}, by a third person", "by one of the two")


def _call_backs(pack: EvidencePack) -> Iterator[Finding]:
    if pack.routing is None or not pack.routing.get("call_back") or pack.wire["status"] not in _APPROVED:
        return
    callers = {str(one["called_by"]) for one in pack.call_backs if one["result"] == "confirmed"}
    denied = any(one["result"] == "denied" for one in pack.call_backs)
    yield _found(
        "the customer confirmed it by telephone",
        bool(callers) and not denied and str(pack.wire["user_id"]) not in callers,
        f"{len(pack.call_backs)} calls",
        "nobody called, or the customer denied it",
    )
    approvers = {str(one["officer_id"]) for one in pack.approvals if one["decision"] == "approve"}
    for one in pack.overrides:
        approvers |= {str(one["proposed_by"]), str(one["confirmed_by"])} if one["confirmed_by"] else set()
    alone = len(approvers | callers) == 1
    yield _found("whoever called did not approve alone", not alone, "they did not", "they did")


def _told(pack: EvidencePack) -> Iterator[dict[str, str | None]]:
    for line in pack.audit.lines:
        columns = COLUMNS.get(line.formula, ())
        if len(columns) == len(line.texts):
            yield dict(zip(columns, line.texts, strict=True))


def _entries(pack: EvidencePack) -> Iterator[Finding]:
    for entry in pack.entries:
        sums: dict[str, int] = defaultdict(int)
        for leg in entry["postings"]:
            sums[leg["currency"]] += int(leg["amount_minor"])
        yield _found(
            f"entry {entry['idempotency_key']} is in balance",
            not any(sums.values()),
            f"{len(entry['postings'])} legs sum to zero",
            f"its legs sum to {dict(sums)}",
        )
    paid = pack.wire["status"] in {WireStatus.COMPLETED, WireStatus.RETURNED}
    booked = {entry["id"] for entry in pack.entries}
    yield _found(
        "money and status agree",
        (pack.wire["transaction_id"] in booked) if paid else pack.wire["transaction_id"] is None,
        f"{pack.wire['status']}, {len(pack.entries)} entries",
        f"the wire is {pack.wire['status']} and its entry is {pack.wire['transaction_id']}",
    )


def _messages(pack: EvidencePack) -> Iterator[Finding]:
    for message in pack.messages:
        digest = hashlib.sha256(base64.b64decode(message["content"])).hexdigest()
        yield _found(
            f"{message['direction']} {message['message_type']} {message['file_name']}",
            digest == message["sha256"],
            f"SHA-256 {digest}",
            f"its bytes have the SHA-256 {digest}, and {message['sha256']} was kept",
        )


def _lines(pack: EvidencePack) -> Iterator[Finding]:
    sealed = {link.chain_seq: link for stretch in pack.audit.stretches for link in stretch.links()}
    waiting = [line for line in pack.audit.lines if line.chain_seq is None]
    wrong = [
        line.chain_seq
        for line in pack.audit.lines
        if line.chain_seq is not None
        and (
            line.chain_seq not in sealed
            or len(line.texts) != len(COLUMNS.get(line.formula, ()))
            or row_hash(line.formula, line.texts) != sealed[line.chain_seq].row_hash
        )
    ]
    count = len(pack.audit.lines) - len(waiting)
    yield _found(
        "log lines are what was sealed",
        not wrong,
        f"{count} lines",
        f"the lines sealed as {', '.join(map(str, wrong))} are not what was sealed",
    )
    if waiting:
        yield Finding(
            check="log lines without a seal",
            outcome=Outcome.OPEN,
            detail=f"{len(waiting)} lines were too young; a pack made a minute later has their seals",
        )


def _stretches(pack: EvidencePack, kept: dict[int, Head]) -> Iterator[Finding]:
    for stretch in pack.audit.stretches:
        links = list(stretch.links())
        last = links[-1]
        check = f"chain from seal {stretch.first} to {last.chain_seq}"
        if last.chain_hash.hex() != stretch.head:
            yield Finding(check=check, outcome=Outcome.BROKEN, detail="the seals do not lead to the head in the pack")
            continue
        outside = kept.get(last.chain_seq)
        if outside is not None:
            yield _found(
                check,
                outside.chain_hash == stretch.head,
                "leads to a head that was kept outside the bank",
                "leads to another head than the one that was kept outside the bank",
            )
            continue
        said = "the bank says that it kept this head" if stretch.anchor else "no head was kept behind it yet"
        yield Finding(
            check=check,
            outcome=Outcome.OPEN,
            detail=f"leads to {stretch.head}; {said}, and it is not among the heads that this was compared with",
        )
