"""The first page, the proof of the ledger, and the audit log."""

from typing import Any, Final

from fastapi import Request, Response

from api.console.pages import page, pages
from api.console.visits import Refused, Visit

router = pages()

_FILTERS: Final = ("user_id", "action", "resource_type", "resource_id", "outcome", "cursor")


@router.get("")
async def home(request: Request) -> Response:
    """What waits, and whether the bank is well."""
    visit: Visit = request.state.visit
    return page(request, "home.html", dashboard=await _or_none(visit, "/admin/dashboard"))


@router.get("/ledger")
async def ledger(request: Request) -> Response:
    """What the last proofs found."""
    visit: Visit = request.state.visit
    return page(request, "ledger.html", proof=await visit.get("/admin/ledger-proof"))


@router.get("/audit")
async def audit(request: Request) -> Response:
    """The lines of the log."""
    visit: Visit = request.state.visit
    query = {name: request.query_params.get(name) for name in _FILTERS}
    return page(request, "audit.html", listed=await visit.get("/admin/audit-logs", limit=50, **query))


@router.get("/audit/verify")
async def verify(request: Request) -> Response:
    """Walks the chain of the log."""
    visit: Visit = request.state.visit
    return page(request, "audit_verified.html", found=await visit.get("/admin/audit-logs/verify"))


async def _or_none(visit: Visit, path: str) -> Any:
    try:
        return await visit.get(path)
    except Refused as error:
        if error.code != "permission_missing":
            raise
        return None
