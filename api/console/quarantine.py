"""Files of the bank that wait for a person."""

from typing import Final

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.visits import Refused, Visit

router = pages("/quarantine")

# What can be done to a file: which fields of the form go along, and what is said when it is done.
ACTS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "read-again": (("reason",), "The reader takes it once more."),
    "dismiss": (("reason",), "It is put aside."),
    "assign": (("position", "wire_id", "payment_id", "reason"), "Proposed. Somebody else confirms it."),
    "read-as-is": (("reason",), "Proposed. Somebody else confirms it."),
}


@router.get("")
async def quarantine(request: Request) -> Response:
    """The list."""
    visit: Visit = request.state.visit
    number = request.query_params.get("page")
    return page(request, "quarantine.html", listed=await visit.get("/admin/quarantine", limit=25, page=number))


@router.get("/{message_id}")
async def file(message_id: str, request: Request) -> Response:
    """One file, what it says, and what people said of it."""
    visit: Visit = request.state.visit
    return page(request, "quarantined_file.html", file=await visit.get(f"/admin/quarantine/{message_id}"))


@router.get("/{message_id}/content")
async def content(message_id: str, request: Request) -> Response:
    """A file as it came, to be kept and not shown."""
    visit: Visit = request.state.visit
    answered = await visit.send("GET", f"/admin/quarantine/{message_id}/content")
    if answered.is_error:
        raise Refused(answered.json(), answered.status_code)
    headers = {"Content-Disposition": answered.headers["content-disposition"]}
    return Response(answered.content, media_type="application/octet-stream", headers=headers)


@router.post("/{message_id}/rulings/{ruling_id}/{word}")
async def decide(message_id: str, ruling_id: str, word: str, request: Request) -> Response:
    """The second person's word."""
    visit: Visit = request.state.visit
    fields = await form(request)
    path = f"/admin/quarantine/{message_id}/rulings/{ruling_id}"
    if word == "confirm":
        await visit.act("POST", f"{path}/confirm")
        return back(f"{HOME}/quarantine/{message_id}", "Confirmed. The reader does it within seconds.")
    await visit.act("POST", f"{path}/refuse", {"reason": fields.get("reason", "")})
    return back(f"{HOME}/quarantine/{message_id}", "It is not done.")


@router.post("/{message_id}/{act}")
async def settle(message_id: str, act: str, request: Request) -> Response:
    """One of the acts."""
    visit: Visit = request.state.visit
    fields = await form(request)
    if act not in ACTS:
        raise Refused({"title": "Not found", "detail": "There is no such act"}, 404)
    names, done = ACTS[act]
    # Of two numbers that a form asks for, the one that was written.
    body = {name: fields.get(name, "") for name in names if fields.get(name) or not name.endswith("_id")}
    await visit.act("POST", f"/admin/quarantine/{message_id}/{act}", body)
    return back(f"{HOME}/quarantine/{message_id}", done)
