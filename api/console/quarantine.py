"""Files of the bank that wait for a person."""

from typing import Final

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.visits import Refused, Visit

router = pages("/quarantine")

DONE: Final[dict[str, str]] = {"read-again": "The reader takes it once more.", "dismiss": "It is put aside."}


@router.get("")
async def quarantine(request: Request) -> Response:
    """The list."""
    visit: Visit = request.state.visit
    number = request.query_params.get("page")
    return page(request, "quarantine.html", listed=await visit.get("/admin/quarantine", limit=25, page=number))


@router.get("/{message_id}/content")
async def content(message_id: str, request: Request) -> Response:
    """A file as it came, to be kept and not shown."""
    visit: Visit = request.state.visit
    answered = await visit.send("GET", f"/admin/quarantine/{message_id}/content")
    if answered.is_error:
        raise Refused(answered.json(), answered.status_code)
    headers = {"Content-Disposition": answered.headers["content-disposition"]}
    return Response(answered.content, media_type="application/octet-stream", headers=headers)


@router.post("/{message_id}/{act}")
async def settle(message_id: str, act: str, request: Request) -> Response:
    """Has it read again, or puts it aside."""
    visit: Visit = request.state.visit
    fields = await form(request)
    if act not in DONE:
        raise Refused({"title": "Not found", "detail": "There is no such act"}, 404)
    await visit.act("POST", f"/admin/quarantine/{message_id}/{act}", {"reason": fields.get("reason", "")})
    return back(f"{HOME}/quarantine", DONE[act])
