"""The wire desk: the queue with its deadlines, and the page of one wire."""

from typing import Any, Final

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.processes import process_url
from api.console.visits import Refused, Visit
from api.parts import parts_of
from models.wires import ENDED, UNDECIDED, WireStatus
from models.wires.recalls import RecallReason

router = pages("/wires")

# What the tabs of the queue show, by their names in the address.
TABS: Final[dict[str, tuple[WireStatus, ...]]] = {
    "to-decide": tuple(sorted(UNDECIDED)),
    "under-way": tuple(sorted(set(WireStatus) - ENDED - UNDECIDED - {WireStatus.BLOCKED})),
    "blocked": (WireStatus.BLOCKED,),
    "ended": tuple(sorted(ENDED)),
}
# What can be done to a wire: how the API is asked, which fields of the form go along, what is said when it is done.
ACTS: Final[dict[str, tuple[str, str, tuple[str, ...], str]]] = {
    "approve": ("PUT", "approve", ("comment", "evidence_hash"), "Your approval is recorded."),
    "reject": ("PUT", "reject", ("reason",), "The wire is rejected; the customer's money is available again."),
    "call-back": ("POST", "call-backs", ("spoken_to", "result", "note"), "The call is recorded."),
    "override": ("PUT", "override", ("reason", "evidence_hash"), "Proposed. Another senior officer confirms it."),
    "confirm-override": (
        "PUT",
        "override/confirm",
        ("evidence_hash",),
        "The wire is approved; its after-review is open.",
    ),
    "withdraw-override": ("DELETE", "override", (), "The override is withdrawn; the wire waits for its approvers."),
    "ask": ("PUT", "request-info", ("question",), "The customer is asked; the desk's clock stands until they answer."),
    "claim": ("PUT", "claim", (), "You look after this wire."),
    "give-back": ("DELETE", "claim", (), "The wire is given back to the desk."),
    "recall": ("POST", "recall", ("reason", "comment"), "The bank is asked to give the money back."),
}
# Where the money is at the bank or behind it, and can only be asked for.
_LEFT: Final = frozenset({WireStatus.RELEASED, WireStatus.ACKNOWLEDGED, WireStatus.COMPLETED})


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
    settings = parts_of(request.scope).settings
    return page(
        request,
        "wire.html",
        wire=wire,
        approval=await visit.get(f"/wires/{wire_id}/approval"),
        screening=await visit.get(f"/wires/{wire_id}/screening"),
        rules=visit.may("admin:compliance") and visit.may("wires:approve"),
        calls=await visit.get(f"/wires/{wire_id}/call-backs"),
        overrides=(await visit.get(f"/wires/{wire_id}/override"))["data"],
        questions=(await visit.get(f"/wires/{wire_id}/questions"))["data"],
        messages=(await visit.get(f"/wires/{wire_id}/messages", limit=50))["data"],
        timeline=(await visit.get(f"/wires/{wire_id}/timeline"))["data"],
        decidable=wire["status"] in UNDECIDED,
        approvable=wire["status"] == WireStatus.AWAITING_APPROVAL,
        recallable=wire["status"] in _LEFT,
        recall_reasons=[reason.value for reason in RecallReason],
        evidence=visit.may("admin:reports", "admin:compliance", "admin:system"),
        process=process_url(settings, f"wire/{wire_id}") if settings.temporal_ui_url else None,
    )


@router.post("/{wire_id}/screening/money")
async def rule_about_money(wire_id: str, request: Request) -> Response:
    """A ruling about the money of a blocked wire: proposed, or confirmed where a colleague has proposed it."""
    fields = await form(request)
    if fields.get("confirm"):
        return await _rule(wire_id, request, "money/confirm", None)
    body = {name: fields[name] for name in ("ruling", "reason", "licence") if fields.get(name)}
    return await _rule(wire_id, request, "money", body)


@router.post("/{wire_id}/screening/{hit_id}")
async def rule_about_hit(wire_id: str, hit_id: str, request: Request) -> Response:
    """A ruling about a hit: cleared or confirmed, each by two officers."""
    fields = await form(request)
    body: dict[str, Any] = {"reason": fields.get("reason", "")}
    match fields.get("ruling"):
        case "clear":
            return await _rule(wire_id, request, f"{hit_id}/clear", body | {"remember": "remember" in fields})
        case "confirm-hit":
            return await _rule(wire_id, request, f"{hit_id}/confirm-hit", body)
        case _:
            return await _rule(wire_id, request, f"{hit_id}/confirm", None)


async def _rule(wire_id: str, request: Request, path: str, body: dict[str, Any] | None) -> Response:
    visit: Visit = request.state.visit
    await visit.act("PUT", f"/wires/{wire_id}/screening/{path}", body)
    return back(f"{HOME}/wires/{wire_id}", "Recorded. A ruling takes two officers.")


@router.post("/{wire_id}/{act}")
async def act(wire_id: str, act: str, request: Request) -> Response:
    """One of the acts."""
    visit: Visit = request.state.visit
    fields = await form(request)
    if act not in ACTS:
        raise Refused({"title": "Not found", "detail": "There is no such act"}, 404)
    method, path, names, done = ACTS[act]
    body = {name: fields[name] for name in names if fields.get(name)}
    await visit.act(method, f"/wires/{wire_id}/{path}", body if names else None)
    return back(f"{HOME}/wires/{wire_id}", done)


@router.get("/{wire_id}/evidence")
async def evidence(wire_id: str, request: Request) -> Response:
    """The evidence pack, as the API gives it out."""
    visit: Visit = request.state.visit
    answered = await visit.send("GET", f"/wires/{wire_id}/evidence", params={"format": "pdf"})
    if answered.is_error:
        raise Refused(answered.json(), answered.status_code)
    headers = {name: answered.headers[name] for name in ("content-disposition", "cache-control")}
    return Response(answered.content, media_type="application/pdf", headers=headers)
