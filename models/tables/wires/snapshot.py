"""What an officer sees who decides about a wire, as a text with a hash: kept with each approval, so that it can be told
years later what it was an approval of (reference/banking.md §5.3).
"""

import hashlib
import json
from typing import Final

from sqlalchemy.ext.asyncio import AsyncSession

from models.tables.wires.call_backs import call_backs
from models.tables.wires.questions import questions
from models.tables.wires.routing import routing_of
from models.tables.wires.rows import Wire, hits

VERSION: Final = 2


async def snapshot(session: AsyncSession, wire: Wire) -> str:
    """All that there is to see about a wire but the decisions of others: content, screening, routing, answers, calls.

    The same for everybody who looks at the same moment; it changes when a list, a finding, an answer or a call does.
    """
    routing = await routing_of(session, wire.id)
    seen = {
        "version": VERSION,
        "wire": str(wire.id),
        "content_hash": wire.content_hash.hex(),
        "compliance_status": wire.compliance_status,
        "list_version": wire.list_version,
        "hits": [
            {
                "entry_id": hit.entry_id,
                "list_version": hit.list_version,
                "field": hit.field,
                "score": str(hit.score),
                "verdict": hit.verdict,
            }
            for hit in sorted(await hits(session, wire.id), key=lambda hit: hit.id or 0)
        ],
        "routing": routing
        and {
            "matrix_version": routing.matrix_version,
            "row": routing.matrix_row,
            "approvers": routing.approvers,
            "explanation": routing.explanation,
        },
        "questions": [
            {"round": asked.round, "question": asked.question, "answer": asked.answer}
            for asked in await questions(session, wire.id)
        ],
        "call_backs": [
            {"called_by": str(call.called_by), "spoken_to": call.spoken_to, "result": call.result, "note": call.note}
            for call in await call_backs(session, wire.id)
        ],
    }
    return json.dumps(seen, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def snapshot_hash(seen: str) -> bytes:
    """SHA-256 of that text, as the database checks it."""
    return hashlib.sha256(seen.encode()).digest()
