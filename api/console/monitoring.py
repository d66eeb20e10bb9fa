"""Transaction monitoring: the cases, and the page of one case."""

from typing import Any, Final

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.visits import Refused, Visit
from models.monitoring import CaseStatus
from models.monitoring.cases import LONGEST_SNOOZE_DAYS

router = pages("/monitoring")

# What the tabs show, by their names in the address.
TABS: Final[dict[str, dict[str, str]]] = {
    "open": {"status": CaseStatus.OPEN},
    "mine": {"status": CaseStatus.OPEN, "mine": "true"},
}
# What cases came to, for those alone who may know which of them were suspicions.
_CLOSED: Final[dict[str, dict[str, str]]] = {"closed": {"status": CaseStatus.CLOSED}}
_TOLD_APART: Final[dict[str, dict[str, str]]] = {
    "explained": {"status": CaseStatus.EXPLAINED},
    "suspicions": {"status": CaseStatus.ESCALATED},
}
DONE: Final[dict[str, str]] = {
    "claim": "You look after this case.",
    "give-back": "The case is given back to the desk.",
    "comment": "Noted.",
    "confirm": "The explanation is confirmed; the case is closed.",
}


@router.get("")
async def cases(request: Request) -> Response:
    """The cases, the nearest deadline first."""
    visit: Visit = request.state.visit
    tabs = TABS | (_TOLD_APART if visit.may("admin:suspicion") else _CLOSED)
    tab = request.query_params.get("tab", "open")
    tab = tab if tab in tabs else "open"
    number = request.query_params.get("page")
    listed = await visit.get("/admin/monitoring/cases", limit=25, page=number, **tabs[tab])
    return page(request, "monitoring.html", tab=tab, tabs=list(tabs), listed=listed)


@router.get("/{case_id}")
async def case(case_id: str, request: Request) -> Response:
    """Everything about one case."""
    visit: Visit = request.state.visit
    return page(
        request,
        "monitoring_case.html",
        case=await visit.get(f"/admin/monitoring/cases/{case_id}"),
        acts=visit.may("admin:compliance"),
        longest=LONGEST_SNOOZE_DAYS,
    )


@router.post("/{case_id}/close")
async def close(case_id: str, request: Request) -> Response:
    """Explains the case, or reports a suspicion. Either is told with the same words."""
    visit: Visit = request.state.visit
    fields = await form(request)
    body: dict[str, Any] = {name: fields.get(name, "") for name in ("outcome", "reason")}
    body |= {name: int(fields[name]) for name in ("alerts", "snooze_days") if fields.get(name, "").isdecimal()}
    done = await visit.act("PUT", f"/admin/monitoring/cases/{case_id}/close", body)
    if done["state"] == "closed":
        return back(f"{HOME}/monitoring", "The case is closed.")
    return back(f"{HOME}/monitoring/{case_id}", "Explained. Another officer confirms it.")


@router.post("/{case_id}/{act}")
async def act(case_id: str, act: str, request: Request) -> Response:
    """One of the other acts."""
    visit: Visit = request.state.visit
    fields = await form(request)
    here = f"/admin/monitoring/cases/{case_id}"
    match act:
        case "claim":
            await visit.act("PUT", f"{here}/claim")
        case "give-back":
            await visit.act("DELETE", f"{here}/claim")
        case "comment":
            await visit.act("POST", f"{here}/comments", {"body": fields.get("body", "")})
        case "confirm":
            number = fields.get("explanation", "")
            await visit.act("PUT", f"{here}/confirm", {"explanation": int(number) if number.isdecimal() else 0})
        case _:
            raise Refused({"title": "Not found", "detail": "There is no such act"}, 404)
    return back(f"{HOME}/monitoring/{case_id}", DONE[act])
