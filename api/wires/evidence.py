"""The evidence pack of a wire: all that the bank kept about it, for auditors and courts."""

import asyncio
import hashlib
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Query, Request, Response

from api import audit
from api.deps import Configuration, Db, Staff, StaffWithAny
from api.errors import documented
from api.wires.routes import router
from infra import evidence
from infra.audit_anchors import AnchorFile, AnchorsDamaged
from models.auth import Permission
from models.errors import Unavailable
from models.evidence import FORMAT
from models.tables.auth import Caller
from models.tables.evidence import collect


class EvidenceFormat(StrEnum):
    """JSON is the pack; the PDF shows it and has it attached."""

    JSON = "json"
    PDF = "pdf"


_TYPES: Final = {EvidenceFormat.JSON: "application/json", EvidenceFormat.PDF: "application/pdf"}
_FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The pack, as a file.",
        "content": {
            "application/json": {"schema": {"type": "object"}, "example": {"format": FORMAT}},
            "application/pdf": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}
# The log's seals are part of a pack, so whoever asks may see the log as well.
_Auditor = Annotated[
    Caller, StaffWithAny(Permission.ADMIN_REPORTS, Permission.ADMIN_COMPLIANCE, Permission.ADMIN_SYSTEM)
]


@router.get(
    "/{wire_id}/evidence",
    summary="The evidence pack of a wire",
    response_class=Response,
    responses={**_FILES, **documented(401, 403, 404)},
)
@audit.disclosing
async def wire_evidence(
    wire_id: UUID,
    request: Request,
    caller: Annotated[Caller, Staff("wires:read")],
    _auditor: _Auditor,
    db: Db,
    settings: Configuration,
    form: Annotated[EvidenceFormat, Query(alias="format")] = EvidenceFormat.PDF,
) -> Response:
    """Order, timeline, screening, decisions, postings, messages with their bytes, and the audit log's lines with the
    proof that they were sealed. `python -m infra.admin evidence-verify` checks it without the bank. The hash of what is
    handed out goes into the audit log."""
    audit.note(request, "wire", wire_id)
    made_at = datetime.now(UTC).replace(microsecond=0)
    try:
        path = settings.audit_anchor_file
        kept = await asyncio.to_thread(AnchorFile(path).lasting, made_at) if path else []
    except AnchorsDamaged:
        raise Unavailable("The kept heads of the audit chain cannot be read") from None
    pack = await collect(db, wire_id, made_at=made_at, made_by=caller.id, kept=kept)
    packed = evidence.as_json(pack)
    audit.note(request, "wire", wire_id, new={"evidence_sha256": hashlib.sha256(packed).hexdigest(), "format": form})
    content = packed if form is EvidenceFormat.JSON else await evidence.as_pdf(pack, packed, bank=settings.bank_name)
    headers = {
        "Content-Disposition": f'attachment; filename="wire-{wire_id}-evidence.{form}"',
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=_TYPES[form], headers=headers)
