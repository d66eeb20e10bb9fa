"""Overrides of the approval matrix that wait for a third person's look, and what was found."""

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.visits import Visit

router = pages("/overrides")


@router.get("")
async def after_reviews(request: Request) -> Response:
    """The list, what is due first first."""
    visit: Visit = request.state.visit
    number = request.query_params.get("page")
    return page(request, "overrides.html", listed=await visit.get("/admin/overrides", limit=25, page=number))


@router.post("/{override_id}")
async def close(override_id: str, request: Request) -> Response:
    """Says what was found."""
    visit: Visit = request.state.visit
    fields = await form(request)
    body = {name: fields.get(name, "") for name in ("finding", "note")}
    await visit.act("PUT", f"/admin/overrides/{override_id}", body)
    return back(f"{HOME}/overrides", "Your finding is recorded.")
