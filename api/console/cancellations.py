"""What other banks ask back from us, and what they are answered."""

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.visits import Refused, Visit
from models.bank_cancellations import PENDING, REFUSALS

router = pages("/requests")


@router.get("")
async def requests(request: Request) -> Response:
    """The list, open ones first."""
    visit: Visit = request.state.visit
    number = request.query_params.get("page")
    status = "answered" if request.query_params.get("status") == "answered" else "open"
    listed = await visit.get("/admin/cancellations", limit=25, page=number, status=status)
    return page(request, "requests.html", listed=listed, shown=status)


@router.get("/{case_id}")
async def case(case_id: str, request: Request) -> Response:
    """One request, and what people said of it."""
    visit: Visit = request.state.visit
    asked = await visit.get(f"/admin/cancellations/{case_id}")
    return page(request, "request.html", case=asked, refusals=sorted(REFUSALS), delays=sorted(PENDING))


@router.post("/{case_id}/answer")
async def answer(case_id: str, request: Request) -> Response:
    """Proposes what the bank is answered. The form names outcome and reason in one field: `RJCR/NOOR`."""
    visit: Visit = request.state.visit
    fields = await form(request)
    outcome, _, code = fields.get("answer", "").partition("/")
    body = {"outcome": outcome, "reason": fields.get("reason", ""), "comment": fields.get("comment", "")}
    await visit.act("POST", f"/admin/cancellations/{case_id}/answer", body | ({"reason_code": code} if code else {}))
    return back(f"{HOME}/requests/{case_id}", "Proposed. Somebody else confirms it.")


@router.post("/{case_id}/answers/{answer_id}/{word}")
async def decide(case_id: str, answer_id: str, word: str, request: Request) -> Response:
    """The second person's word."""
    visit: Visit = request.state.visit
    await form(request)
    done = {"confirm": "Confirmed. The bank is answered.", "refuse": "It is not answered so."}
    if word not in done:
        raise Refused({"title": "Not found", "detail": "There is no such act"}, 404)
    await visit.act("POST", f"/admin/cancellations/{case_id}/answers/{answer_id}/{word}")
    return back(f"{HOME}/requests/{case_id}", done[word])
