"""An evidence pack as files: JSON, which is the pack, and PDF, which shows it to people and has the JSON attached."""

import hashlib
import io
import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import pikepdf

from infra import typeset
from models.audit_chain import COLUMNS
from models.evidence import EvidencePack
from models.money import written

ATTACHED: Final = "pack.json"


class NoPack(Exception):
    """The file is no evidence pack."""


def as_json(pack: EvidencePack) -> bytes:
    """The pack as its bytes: the same for the same pack."""
    return json.dumps(
        pack.model_dump(mode="python"), sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain
    ).encode()


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return str(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


async def as_pdf(pack: EvidencePack, packed: bytes, *, bank: str) -> bytes:
    """The pack for people, with `packed` attached."""
    shown = {
        "wire_id": str(pack.wire_id),
        "bank": bank,
        "sha256": hashlib.sha256(packed).hexdigest(),
        "summary": f"What {bank} kept about this wire, made {_moment(pack.made_at)} by {pack.made_by}.",
        "facts": _facts(pack),
        "parts": _parts(pack),
    }
    return await typeset.pdf("evidence", shown, made_at=pack.made_at, attached={ATTACHED: packed})


def read(content: bytes) -> EvidencePack:
    """The pack in a file, PDF or JSON. Raises `NoPack`."""
    try:
        if content.startswith(b"%PDF-"):
            content = _attachment(content)
        return EvidencePack.model_validate(json.loads(content, parse_float=Decimal))
    except (ValueError, KeyError, pikepdf.PdfError) as error:
        raise NoPack(f"this is no evidence pack: {type(error).__name__}") from error


def _attachment(content: bytes) -> bytes:
    with pikepdf.open(io.BytesIO(content)) as document:
        return bytes(document.attachments[ATTACHED].get_file().read_bytes())


def _facts(pack: EvidencePack) -> list[tuple[str, str]]:
    wire = pack.wire
    currency = wire["currency"]
    facts = {
        "Status": f"{wire['status']}, screening {wire['compliance_status']}",
        "Ordered": f"{_moment(wire['created_at'])} by {wire['user_id']}",
        "Amount": written(wire["amount_minor"], currency),
        "Fee": f"{written(wire['fee_minor'] + wire['deducted_minor'], currency)}, charges {wire['charges']}",
        "From account": wire["sender_account_id"],
        "Recipient": f"{wire['recipient_name']}, {wire['recipient_account_number']}",
        "Bank": f"{wire['recipient_bank_name']} {wire['recipient_bank_swift'] or wire['recipient_routing_number']},"
        f" {wire['recipient_country']}",
        "Reference": wire["reference"] or "none",
        "UETR": wire["uetr"],
        "End-to-end id": wire["end_to_end_id"],
        "Value date": wire["value_date"] or "none yet",
        "Hash of the order": wire["content_hash"],
    }
    if pack.routing is not None:
        facts["Routing"] = f"matrix {pack.routing['matrix_version']}: {pack.routing['explanation']}"
    if wire["reason_code"]:
        facts["Reason"] = f"{wire['reason_code']}: {wire['reason_text'] or ''}"
    return [(name, str(value)) for name, value in facts.items()]


def _parts(pack: EvidencePack) -> list[dict[str, Any]]:
    return [*_of_officers(pack), *_of_screening(pack), *_of_the_customer(pack), *_of_the_books(pack)]


def _of_officers(pack: EvidencePack) -> list[dict[str, Any]]:
    return [
        _table(
            "What happened",
            {"When": 3, "What": 3, "Status": 3, "Who": 6},
            [(_moment(e["at"]), e["event"], e["status"], f"{e['actor']} {e['actor_id'] or ''}") for e in pack.timeline],
        ),
        _table(
            "Decisions of officers",
            {"When": 3, "Officer": 5, "Decision": 2, "Comment": 5},
            [
                (
                    _moment(a["created_at"]),
                    a["officer_id"],
                    f"{a['decision']}{', senior' if a['senior'] else ''}",
                    a["comment"],
                )
                for a in pack.approvals
            ],
        ),
        _table(
            "Emergency overrides",
            {"Proposed by": 5, "Why": 5, "Confirmed by": 5, "Passed over": 3, "After-review": 5},
            [
                (
                    f"{o['proposed_by']} {_moment(o['proposed_at'])}",
                    o["reason"],
                    o["confirmed_by"] or ("withdrawn" if o["withdrawn_by"] else "nobody yet"),
                    ", ".join(o["passed_over"] or ()),
                    _after_review(o["after_review"]),
                )
                for o in pack.overrides
            ],
        ),
    ]


def _of_screening(pack: EvidencePack) -> list[dict[str, Any]]:
    return [
        _table(
            "What screening found",
            {"Field": 2, "Entry": 3, "Matched": 4, "Score": 1, "List": 2},
            [(h["field"], h["entry_id"], h["matched"], h["score"], h["list_version"]) for h in pack.screening],
        ),
        _table(
            "Rulings of the compliance desk",
            {"Proposed": 3, "By": 5, "Ruling": 2, "Why": 5, "Confirmed by": 5},
            [
                (_moment(r["proposed_at"]), r["proposed_by"], r["ruling"], r["reason"], r["confirmed_by"])
                for r in pack.rulings
            ],
        ),
    ]


def _of_the_customer(pack: EvidencePack) -> list[dict[str, Any]]:
    return [
        _table(
            "Calls to the customer",
            {"When": 3, "By": 5, "Number": 3, "Spoken to": 3, "Result": 2, "Note": 4},
            [
                (_moment(c["called_at"]), c["called_by"], c["number"], c["spoken_to"], c["result"], c["note"])
                for c in pack.call_backs
            ],
        ),
        _table(
            "Questions to the customer",
            {"When": 3, "Question": 6, "Answer": 6},
            [(_moment(q["asked_at"]), q["question"], q["answer"]) for q in pack.questions],
        ),
        _table(
            "Recalls",
            {"When": 3, "Reason": 2, "Status": 2, "Answer": 5},
            [(_moment(r["created_at"]), r["reason"], r["status"], r["answer_code"]) for r in pack.recalls],
        ),
    ]


def _after_review(review: dict[str, Any] | None) -> str:
    if review is None:
        return ""
    if review["finding"] is None:
        return f"open, due {_moment(review['due_at'])}"
    return f"{review['finding'].replace('_', ' ')}: {review['note']} ({review['closed_by']})"


def _of_the_books(pack: EvidencePack) -> list[dict[str, Any]]:
    return [
        _table(
            "Postings",
            {"Entry": 4, "Value date": 2, "Account": 5, "Amount": 3},
            [
                (entry["transaction_type"], entry["value_date"], leg["account_id"], _amount(leg))
                for entry in pack.entries
                for leg in entry["postings"]
            ],
        ),
        _table(
            "Messages",
            {"When": 3, "Way": 2, "Type": 3, "SHA-256": 7},
            [(_moment(m["created_at"]), m["direction"], m["message_type"], m["sha256"]) for m in pack.messages],
        ),
        _table("Audit log", {"Seal": 1, "When": 3, "Action": 4, "Who": 5, "Outcome": 2}, _log(pack)),
    ]


def _amount(leg: dict[str, Any]) -> str:
    minor = int(leg["amount_minor"])
    return f"{'-' if minor < 0 else '+'}{written(abs(minor), leg['currency'])}"


def _log(pack: EvidencePack) -> list[tuple[str, ...]]:
    lines: list[tuple[str, ...]] = []
    for line in pack.audit.lines:
        columns = COLUMNS[line.formula]
        told = dict(zip(columns, line.texts, strict=True))
        lines.append(
            (
                str(line.chain_seq or "none yet"),
                _moment(str(told["at"])),
                str(told["action"]),
                str(told["user_id"] or "the process"),
                str(told["outcome"]) + (f", {told['code']}" if told["code"] else ""),
            )
        )
    return lines


def _table(title: str, columns: dict[str, int], rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    return {
        "title": title,
        "columns": list(columns),
        "widths": list(columns.values()),
        "rows": [["" if cell is None else str(cell) for cell in row] for row in rows],
        "empty": "None.",
    }


def _moment(moment: datetime | str) -> str:
    told = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
    return f"{told:%Y-%m-%d %H:%M:%S}"
