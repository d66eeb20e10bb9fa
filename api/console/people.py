"""People: found, read, frozen, helped with their second factor; and the search over everything."""

import asyncio
from typing import Any, Final

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.visits import Refused, Visit

router = pages()

ACTS: Final[dict[str, str]] = {
    "freeze": "Frozen.",
    "unfreeze": "No longer frozen.",
    "reset-2fa": "The second factor is gone, and every session has ended.",
    "end-sessions": "Every session has ended.",
}
_FILTERS: Final = ("q", "role", "status", "kyc_status", "risk_level", "tier", "page")


@router.get("/people")
async def people(request: Request) -> Response:
    """The list, and the search in it."""
    visit: Visit = request.state.visit
    query = {name: request.query_params.get(name) for name in _FILTERS}
    listed = await visit.get("/admin/users", limit=25, **query)
    return page(request, "people.html", listed=listed)


@router.get("/people/{user_id}")
async def person(user_id: str, request: Request) -> Response:
    """Somebody, and what can be done for them."""
    visit: Visit = request.state.visit
    return page(request, "person.html", person=await visit.get(f"/admin/users/{user_id}"))


@router.post("/people/{user_id}/{act}")
async def act(user_id: str, act: str, request: Request) -> Response:
    """One of the acts."""
    visit: Visit = request.state.visit
    fields = await form(request)
    if act not in ACTS:
        raise Refused({"title": "Not found", "detail": "There is no such act"}, 404)
    done = await visit.act("POST", f"/admin/users/{user_id}/{act}", {"reason": fields.get("reason", "")})
    return back(f"{HOME}/people/{user_id}", ACTS[act] if done["changed"] else "Nothing had to be changed.")


@router.get("/find")
async def find(request: Request) -> Response:
    """What `q` is the name, number or id of."""
    visit: Visit = request.state.visit
    wanted = request.query_params.get("q", "").strip()[:100]
    looked: list[tuple[str, str, dict[str, Any], tuple[str, ...]]] = [
        ("people", "/admin/users", {"q": wanted, "limit": 10}, ("admin:users", "admin:compliance", "admin:system")),
        ("wires", "/wires/find", {"q": wanted}, ("wires:read",)),
        ("transactions", "/admin/transactions/find", {"q": wanted}, ("transactions:read",)),
    ]
    asked = [(name, path, query) for name, path, query, needed in looked if wanted and visit.may(*needed)]
    answers = await asyncio.gather(*(visit.get(path, **query) for _, path, query in asked))
    found: dict[str, list[Any]] = {name: answer["data"] for (name, _, _), answer in zip(asked, answers, strict=True)}
    return page(request, "find.html", wanted=wanted, found=found)
