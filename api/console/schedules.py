"""What runs by the calendar."""

from typing import Final

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.visits import Refused, Visit

router = pages("/schedules")

DONE: Final[dict[str, str]] = {
    "trigger": "A run was asked for.",
    "pause": "Paused.",
    "resume": "It goes on.",
    "backfill": "The runs are being made up, one after another.",
}


@router.get("")
async def schedules(request: Request) -> Response:
    """All of them, with their next runs."""
    visit: Visit = request.state.visit
    return page(request, "schedules.html", listed=await visit.get("/admin/schedules"))


@router.get("/{schedule_id}")
async def schedule(schedule_id: str, request: Request) -> Response:
    """One, with its last runs."""
    visit: Visit = request.state.visit
    return page(request, "schedule.html", schedule=await visit.get(f"/admin/schedules/{schedule_id}"))


@router.post("/{schedule_id}/{act}")
async def act(schedule_id: str, act: str, request: Request) -> Response:
    """One of the acts."""
    visit: Visit = request.state.visit
    fields = await form(request)
    match act:
        case "trigger":
            body = None
        case "pause" | "resume":
            body = {"note": fields.get("note", "")}
        case "backfill":
            # What a browser's own field for moments gives, which is without a zone: the console is in UTC.
            body = {"from": f"{fields.get('from', '')}Z", "to": f"{fields.get('to', '')}Z"}
        case _:
            raise Refused({"title": "Not found", "detail": "There is no such act"}, 404)
    await visit.act("POST", f"/admin/schedules/{schedule_id}/{act}", body)
    return back(f"{HOME}/schedules/{schedule_id}", DONE[act])
