"""Letters: what was written, and what to do about those that did not leave."""

from typing import Final

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.visits import Refused, Visit

router = pages("/mail")

STATUSES: Final = (
    "failed",
    "uncertain",
    "waiting",
    "sending",
    "sent",
    "dismissed",
    "collected",
    "digested",
    "unwanted",
    "undeliverable",
)
DONE: Final[dict[str, str]] = {"resend": "It is being sent again.", "dismiss": "It is left as it is."}


@router.get("")
async def mail(request: Request) -> Response:
    """The list."""
    visit: Visit = request.state.visit
    query = {name: request.query_params.get(name) for name in ("status", "user_id", "page")}
    return page(request, "mail.html", statuses=STATUSES, listed=await visit.get("/admin/mail", limit=25, **query))


@router.get("/addresses")
async def addresses(request: Request) -> Response:
    """Those that get no mail from us."""
    visit: Visit = request.state.visit
    asked = request.query_params.get("page")
    return page(request, "addresses.html", listed=await visit.get("/admin/mail-suppressions", limit=25, page=asked))


@router.post("/addresses/{suppression_id}/lift")
async def lift(suppression_id: str, request: Request) -> Response:
    """Writes to one of them again."""
    visit: Visit = request.state.visit
    fields = await form(request)
    reason = {"reason": fields.get("reason", "")}
    await visit.act("POST", f"/admin/mail-suppressions/{suppression_id}/lift", reason)
    return back(f"{HOME}/mail/addresses", "We write to this address again. What was not sent waits among the letters.")


@router.get("/{letter_id}")
async def letter(letter_id: str, request: Request) -> Response:
    """One letter."""
    visit: Visit = request.state.visit
    return page(request, "letter.html", letter=await visit.get(f"/admin/mail/{letter_id}"))


@router.post("/{letter_id}/{act}")
async def settle(letter_id: str, act: str, request: Request) -> Response:
    """Sends it again, or leaves it."""
    visit: Visit = request.state.visit
    fields = await form(request)
    if act not in DONE:
        raise Refused({"title": "Not found", "detail": "There is no such act"}, 404)
    await visit.act("POST", f"/admin/mail/{letter_id}/{act}", {"reason": fields.get("reason", "")})
    return back(f"{HOME}/mail/{letter_id}", DONE[act])
