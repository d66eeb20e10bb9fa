"""All transactions, one of them, and reversals that wait for a second officer."""

from typing import Final

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.visits import Refused, Visit
from models.transactions import TransactionStatus

router = pages()

_FILTERS: Final = ("account", "customer", "type", "status", "min", "max", "text", "cursor")
_DAYS: Final = ("from", "to")


@router.get("/transactions")
async def transactions(request: Request) -> Response:
    """The search over all of them."""
    visit: Visit = request.state.visit
    query = {name: request.query_params.get(name) for name in _FILTERS}
    # A day of the form is its first moment, in UTC.
    query |= {name: f"{day}T00:00:00Z" for name in _DAYS if (day := request.query_params.get(name))}
    listed = await visit.get("/admin/transactions", limit=25, **query)
    return page(request, "transactions.html", listed=listed, statuses=[status.value for status in TransactionStatus])


@router.get("/transactions/{transaction_id}")
async def transaction(transaction_id: str, request: Request) -> Response:
    """One of them, with its legs and what became of a reversal."""
    visit: Visit = request.state.visit
    return page(
        request,
        "transaction.html",
        one=await visit.get(f"/admin/transactions/{transaction_id}"),
        approves=visit.may("transactions:approve"),
    )


@router.post("/transactions/{transaction_id}/{act}")
async def reverse(transaction_id: str, act: str, request: Request) -> Response:
    """Asks for a reversal, confirms one, or withdraws one's own."""
    visit: Visit = request.state.visit
    fields = await form(request)
    here = f"/transactions/{transaction_id}/reversal"
    match act:
        case "reverse":
            asked = await visit.act("POST", here, {"reason": fields.get("reason", "")})
            waits = asked["status"] == "awaiting_confirmation"
            said = "Asked for. Another officer confirms it." if waits else "It is taken back."
        case "withdraw":
            await visit.act("DELETE", here)
            said = "Withdrawn."
        case _:
            raise Refused({"title": "Not found", "detail": "There is no such act"}, 404)
    return back(f"{HOME}/transactions/{transaction_id}", said)


@router.get("/reversals")
async def reversals(request: Request) -> Response:
    """Those that wait for a second officer."""
    visit: Visit = request.state.visit
    number = request.query_params.get("page")
    return page(request, "reversals.html", listed=await visit.get("/admin/reversals", limit=25, page=number))
