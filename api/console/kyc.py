"""The KYC desk: the queue of reviews, and the page of one customer's review."""

from typing import Any, Final

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.processes import process_url
from api.console.visits import Refused, Visit
from api.parts import parts_of
from models.kyc.states import KycStatus, Rejection

router = pages("/kyc")

# What the tabs of the queue show, by their names in the address.
TABS: Final[dict[str, dict[str, Any]]] = {
    "to-review": {"status": [KycStatus.IN_REVIEW.value]},
    "mine": {"assignee": "me"},
    "with-the-customer": {"status": [KycStatus.PENDING.value, KycStatus.INFO_REQUESTED.value]},
    "overdue": {"overdue": "true"},
    "ended": {"status": [KycStatus.APPROVED.value, KycStatus.REJECTED.value, KycStatus.EXPIRED.value]},
}
# What can be done to a review: how the API is asked, which fields of the form go along, what is said when it is done.
ACTS: Final[dict[str, tuple[str, str, tuple[str, ...], str]]] = {
    "claim": ("PUT", "claim", (), "You look after this review."),
    "approve": ("PUT", "approve", ("comment",), "Your approval is recorded."),
    "reject": ("PUT", "reject", ("reason", "comment"), "The customer is refused and is told so."),
    "ask": ("PUT", "request-info", ("question",), "The customer is asked."),
    "note": ("POST", "notes", ("body",), "Noted."),
    "suspicion": ("POST", "notes", ("body",), "Reported."),
}


async def _rows(request: Request) -> dict[str, Any]:
    visit: Visit = request.state.visit
    tab = request.query_params.get("tab", "to-review")
    tab = tab if tab in TABS else "to-review"
    number = request.query_params.get("page", "1")
    listed = await visit.get("/kyc/cases", page=number if number.isdecimal() else "1", limit=25, **TABS[tab])
    return {"tab": tab, "tabs": list(TABS), "listed": listed}


@router.get("")
async def queue(request: Request) -> Response:
    """The queue, the nearest deadline first."""
    return page(request, "kyc.html", **await _rows(request))


@router.get("/rows")
async def queue_rows(request: Request) -> Response:
    """The rows of the queue, which the page asks for again every few seconds."""
    return page(request, "kyc_rows.html", **await _rows(request))


@router.get("/{case_id}")
async def case(case_id: str, request: Request) -> Response:
    """Everything about one review on one page."""
    visit: Visit = request.state.visit
    review = await visit.get(f"/kyc/cases/{case_id}")
    settings = parts_of(request.scope).settings
    return page(
        request,
        "kyc_case.html",
        case=review,
        decidable=review["status"] == KycStatus.IN_REVIEW,
        reasons=[reason.value for reason in Rejection],
        process=process_url(settings, review["workflow_id"]) if settings.temporal_ui_url else None,
    )


@router.get("/{case_id}/documents/{document_id}")
async def document(case_id: str, document_id: str, request: Request) -> Response:
    """A document as a file, which the browser keeps and does not show."""
    visit: Visit = request.state.visit
    answered = await visit.send("GET", f"/kyc/cases/{case_id}/documents/{document_id}")
    if answered.is_error:
        raise Refused(answered.json(), answered.status_code)
    passed_on = ("content-type", "content-disposition", "cache-control", "content-security-policy")
    headers = {name: answered.headers[name] for name in passed_on if name in answered.headers}
    return Response(answered.content, headers=headers)


@router.post("/{case_id}/{act}")
async def act(case_id: str, act: str, request: Request) -> Response:
    """One of the acts."""
    visit: Visit = request.state.visit
    fields = await form(request)
    if act not in ACTS:
        raise Refused({"title": "Not found", "detail": "There is no such act"}, 404)
    method, path, names, done = ACTS[act]
    body: dict[str, Any] = {name: fields[name] for name in names if fields.get(name)}
    if act == "suspicion":
        body["suspicion"] = True
    await visit.act(method, f"/kyc/cases/{case_id}/{path}", body if names else None)
    return back(f"{HOME}/kyc/{case_id}", done)
