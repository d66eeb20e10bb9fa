"""The compliance desk's lists: wires in which something was found, blocked payments and property, reports."""

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


@router.get("/payments")
async def payments(request: Request) -> Response:
    """Blocked payments, with what was found and ruled, and the form for a ruling."""
    visit: Visit = request.state.visit
    number = request.query_params.get("page")
    listed = await visit.get("/admin/screening/payments", limit=25, page=number)
    rules = visit.may("admin:compliance") and visit.may("wires:approve")
    return page(request, "blocked_payments.html", listed=listed, rules=rules)


@router.post("/payments/{payment_id}")
async def rule_about_payment(payment_id: str, request: Request) -> Response:
    """A ruling about a blocked payment: proposed, or confirmed where a colleague has proposed the same."""
    visit: Visit = request.state.visit
    fields = await form(request)
    body = {name: fields.get(name, "") for name in ("ruling", "reason")}
    await visit.act("PUT", f"/admin/screening/payments/{payment_id}/ruling", body)
    return back(f"{HOME}/compliance/payments", "Recorded. A ruling takes two officers.")


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
