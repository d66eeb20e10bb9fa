"""How wires are approved: the matrix, country risks, limits of officers, and who decides in whose place."""

from datetime import UTC, datetime
from typing import Any

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.visits import Refused, Visit

router = pages("/approval")


@router.get("")
async def approval(request: Request) -> Response:
    """Everything that decides who looks at a wire."""
    visit: Visit = request.state.visit
    return page(
        request,
        "approval.html",
        matrix=await visit.get("/admin/approval-matrix"),
        countries=await visit.get("/admin/country-risks"),
        limits=await visit.get("/admin/approver-limits"),
        delegations=await visit.get("/admin/delegations"),
        delegates=visit.may("wires:approve"),
        rates=visit.may("wires:high_value"),
        administers=visit.may("admin:users"),
    )


@router.post("/delegations")
async def delegate(request: Request) -> Response:
    """Lets somebody decide in one's place, until the end of a day (UTC)."""
    visit: Visit = request.state.visit
    fields = await form(request)
    body: dict[str, Any] = {
        "delegate": fields.get("delegate", ""),
        "ends_at": _end_of(fields.get("until", "")),
        "reason": fields.get("reason", ""),
    }
    await visit.act("POST", "/admin/delegations", body)
    return back(f"{HOME}/approval", "They decide in your place until then.")


@router.post("/delegations/{delegation_id}/end")
async def end_delegation(delegation_id: str, request: Request) -> Response:
    """Ends one now."""
    visit: Visit = request.state.visit
    await form(request)
    await visit.act("DELETE", f"/admin/delegations/{delegation_id}")
    return back(f"{HOME}/approval", "The delegation has ended.")


@router.post("/countries")
async def rate_country(request: Request) -> Response:
    """Says how risky a country is held to be."""
    visit: Visit = request.state.visit
    fields = await form(request)
    country = fields.get("country", "").upper()
    body = {"risk": fields.get("risk", ""), "note": fields.get("note", "")}
    await visit.act("PUT", f"/admin/country-risks/{country}", body)
    return back(f"{HOME}/approval", f"{country} is rated anew.")


def _end_of(day: str) -> str:
    try:
        return datetime.fromisoformat(day).replace(hour=23, minute=59, tzinfo=UTC).isoformat()
    except ValueError:
        raise Refused({"title": "No such day", "detail": "Write the day as 2026-12-01"}, 422) from None
