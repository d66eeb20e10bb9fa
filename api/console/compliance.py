"""The compliance desk's lists: wires in which something was found, blocked property, reports to the authority."""

from typing import Final

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.visits import Refused, Visit

router = pages("/compliance")

DONE: Final[dict[str, tuple[str, str]]] = {
    "claim": ("PUT", "You look after this case."),
    "give-back": ("DELETE", "The case is given back to the desk."),
}


@router.get("")
async def cases(request: Request) -> Response:
    """The open cases, what is due first first."""
    visit: Visit = request.state.visit
    number = request.query_params.get("page")
    listed = await visit.get("/admin/screening/cases", limit=25, page=number)
    return page(request, "compliance.html", listed=listed, acts=visit.may("admin:compliance"))


@router.get("/blocked")
async def blocked(request: Request) -> Response:
    """Blocked property; with a year, what its annual report is about."""
    visit: Visit = request.state.visit
    year = request.query_params.get("year", "")
    listed = await visit.get("/admin/screening/blocked", year=year if year.isdecimal() else None)
    return page(request, "blocked.html", listed=listed)


@router.get("/reports")
async def reports(request: Request) -> Response:
    """Reports, those that are due first first."""
    visit: Visit = request.state.visit
    only_open = request.query_params.get("all") is None
    listed = await visit.get("/admin/screening/reports", only_open="true" if only_open else None)
    return page(request, "reports.html", listed=listed, only_open=only_open, acts=visit.may("admin:compliance"))


@router.post("/reports/{wire_id}/{kind}")
async def filed(wire_id: str, kind: str, request: Request) -> Response:
    """Keeps that a report was filed, and how the authority calls it."""
    visit: Visit = request.state.visit
    fields = await form(request)
    await visit.act("PUT", f"/admin/screening/reports/{wire_id}/{kind}", {"reference": fields.get("reference", "")})
    return back(f"{HOME}/compliance/reports", "Kept as filed.")


@router.post("/{wire_id}/{act}")
async def act(wire_id: str, act: str, request: Request) -> Response:
    """Looks after a case, or gives it back."""
    visit: Visit = request.state.visit
    await form(request)
    if act not in DONE:
        raise Refused({"title": "Not found", "detail": "There is no such act"}, 404)
    method, said = DONE[act]
    await visit.act(method, f"/admin/screening/cases/{wire_id}/claim")
    return back(f"{HOME}/compliance", said)
