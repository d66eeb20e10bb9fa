"""The wire desk: the queue with its deadlines, and the page of one wire."""

from typing import Any, Final

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.visits import Refused, Visit
from api.parts import parts_of
from models.wires import ENDED, UNDECIDED, WireStatus

router = pages("/wires")

# What the tabs of the queue show, by their names in the address.
TABS: Final[dict[str, tuple[WireStatus, ...]]] = {
    "to-decide": tuple(sorted(UNDECIDED)),
    "under-way": tuple(sorted(set(WireStatus) - ENDED - UNDECIDED)),
    "blocked": (WireStatus.BLOCKED,),
    "ended": tuple(sorted(ENDED - {WireStatus.BLOCKED})),
}
_DONE: Final = {
    "approve": "Your approval is recorded.",
    "reject": "The wire is rejected; the customer's money is available again.",
}


async def _rows(request: Request) -> dict[str, Any]:
    visit: Visit = request.state.visit
    tab = request.query_params.get("tab", "to-decide")
    tab = tab if tab in TABS else "to-decide"
    number = request.query_params.get("page", "1")
    listed = await visit.get(
        "/wires",
        status=list(TABS[tab]),
        order="deadline" if tab == "to-decide" else None,
        page=number if number.isdecimal() else "1",
        limit=25,
    )
    return {"tab": tab, "tabs": list(TABS), "listed": listed}


@router.get("")
async def queue(request: Request) -> Response:
    """The queue, the nearest deadline first."""
    return page(request, "wires.html", **await _rows(request))


@router.get("/rows")
async def queue_rows(request: Request) -> Response:
    """The rows of the queue, which the page asks for again every few seconds."""
    return page(request, "wires_rows.html", **await _rows(request))


@router.get("/{wire_id}")
async def case(wire_id: str, request: Request) -> Response:
    """Everything about one wire on one page."""
    visit: Visit = request.state.visit
    wire = await visit.get(f"/wires/{wire_id}")
    timeline = (await visit.get(f"/wires/{wire_id}/timeline"))["data"]
    settings = parts_of(request.scope).settings
    return page(
        request,
        "wire.html",
        wire=wire,
        timeline=timeline,
        decidable=wire["status"] in UNDECIDED,
        approvable=wire["status"] == WireStatus.AWAITING_APPROVAL,
        decided=any(e["actor"] == "officer" and e["event"] in ("approval_given", "rejected") for e in timeline),
        evidence=visit.may("admin:reports", "admin:compliance", "admin:system"),
        process=f"{settings.temporal_ui_url}/namespaces/{settings.temporal_namespace}/workflows/wire%2F{wire_id}"
        if settings.temporal_ui_url
        else None,
    )


@router.post("/{wire_id}/approve")
async def approve(wire_id: str, request: Request) -> Response:
    """An approval."""
    visit: Visit = request.state.visit
    fields = await form(request)
    await visit.act("PUT", f"/wires/{wire_id}/approve", {"comment": fields.get("comment", "")})
    return back(f"{HOME}/wires/{wire_id}", _DONE["approve"])


@router.post("/{wire_id}/reject")
async def reject(wire_id: str, request: Request) -> Response:
    """A refusal."""
    visit: Visit = request.state.visit
    fields = await form(request)
    await visit.act("PUT", f"/wires/{wire_id}/reject", {"reason": fields.get("reason", "")})
    return back(f"{HOME}/wires/{wire_id}", _DONE["reject"])


@router.get("/{wire_id}/evidence")
async def evidence(wire_id: str, request: Request) -> Response:
    """The evidence pack, as the API gives it out."""
    visit: Visit = request.state.visit
    answered = await visit.send("GET", f"/wires/{wire_id}/evidence", params={"format": "pdf"})
    if answered.is_error:
        raise Refused(answered.json(), answered.status_code)
    headers = {name: answered.headers[name] for name in ("content-disposition", "cache-control")}
    return Response(answered.content, media_type="application/pdf", headers=headers)
