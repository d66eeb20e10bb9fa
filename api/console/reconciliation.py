"""The bank's statements against our books, and where they differ."""

from typing import Any, Final

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.visits import Refused, Visit
from models.reconciliation import BreakStatus

router = pages("/reconciliation")

TABS: Final = tuple(status.value for status in BreakStatus)


@router.get("")
async def reconciliation(request: Request) -> Response:
    """How each account stands, and the breaks."""
    visit: Visit = request.state.visit
    tab = request.query_params.get("tab", TABS[0])
    tab = tab if tab in TABS else TABS[0]
    number = request.query_params.get("page")
    return page(
        request,
        "reconciliation.html",
        books=await visit.get("/admin/reconciliation"),
        listed=await visit.get("/admin/reconciliation/breaks", status=tab, limit=25, page=number),
        tab=tab,
        tabs=TABS,
        acts=visit.may("admin:system"),
    )


@router.post("/{break_id}/{act}")
async def settle(break_id: str, act: str, request: Request) -> Response:
    """Explains a break, or confirms the explanation of a colleague."""
    visit: Visit = request.state.visit
    fields = await form(request)
    body: dict[str, Any]
    match act:
        case "explain":
            body = {"reason": fields.get("reason", "")}
        case "confirm":
            number = fields.get("explanation", "")
            body = {"explanation": int(number) if number.isdecimal() else 0}
        case _:
            raise Refused({"title": "Not found", "detail": "There is no such act"}, 404)
    done = await visit.act("POST", f"/admin/reconciliation/breaks/{break_id}/{act}", body)
    waits = done["status"] == BreakStatus.OPEN
    return back(f"{HOME}/reconciliation", "Explained. Another person confirms it." if waits else "The break is closed.")
