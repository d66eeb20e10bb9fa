"""The operations on transactions. What they do is in `models.tables.transactions`; here it is asked for."""

from typing import Annotated
from uuid import UUID

from fastapi import Request

from api import audit
from api.deps import Db, Requires
from api.errors import documented
from api.idempotency import IdempotencyKey
from api.routing import feature
from api.transactions.orders import TransferIn
from api.transactions.shapes import TransactionView, view
from models.tables import transactions
from models.tables.auth import Caller

router = feature("transactions")

Reader = Annotated[Caller, Requires("transactions:read")]


@router.post(
    "/transfer", status_code=201, summary="Transfer within this bank", responses=documented(400, 401, 403, 404, 409)
)
async def create_transfer(
    body: TransferIn,
    request: Request,
    caller: Annotated[Caller, Requires("transactions:create")],
    db: Db,
    _key: IdempotencyKey,
) -> TransactionView:
    """Moves money at once: with the answer it is on the other account. Refused, it leaves nothing behind."""
    audit.note(request, "transaction", new=body.model_dump(mode="json"))
    done = await transactions.transfer(db, caller.id, body.order())
    audit.note(request, "transaction", done.id, new={"status": done.status})
    return view(done)


@router.get("/{transaction_id}", summary="One transaction", responses=documented(401, 403, 404))
async def read_transaction(transaction_id: UUID, _caller: Reader, db: Db) -> TransactionView:
    """What moved, between which accounts."""
    return view(await transactions.find(db, transaction_id))
