"""Taking transfers back: officers with the permission transactions:approve ask for it, and see what became of it."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api import audit
from api.deps import Db, Staff
from api.errors import documented
from api.transactions.router import router
from models.reversals import Reversal, ReversalStatus
from models.tables.auth import Caller
from models.tables.transactions import reversals
from models.users import Line

Officer = Annotated[Caller, Staff("transactions:approve")]


class ReversalIn(BaseModel):
    """Why a transfer is taken back; kept in the audit log."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"reason": "Paid twice, asked by the payer"}}
    )

    reason: Annotated[Line, StringConstraints(min_length=1, max_length=500)]


class ReversalView(BaseModel):
    """A reversal. `done`: `reversal_id` is the transaction that took it back. `refused`: `refusal` says why.
    `withdrawn`: by whoever has asked for it."""

    id: UUID
    transaction_id: UUID
    status: ReversalStatus
    reason: str
    asked_by: UUID
    confirmed_by: UUID | None
    reversal_id: UUID | None
    refusal_code: str | None = Field(examples=["insufficient_funds"])
    refusal: str
    created_at: datetime
    updated_at: datetime


@router.post(
    "/{transaction_id}/reversal",
    status_code=202,
    summary="Take a transfer back",
    responses=documented(401, 403, 404, 409),
)
async def ask_reversal(
    transaction_id: UUID, body: ReversalIn, request: Request, response: Response, officer: Officer, db: Db
) -> ReversalView:
    """Asks for another entry with the opposite legs, fee included; a large one is confirmed by a second officer, who
    calls the same. It is made at once afterwards, and `GET` says so. Called again it changes nothing. Refused with
    `insufficient_funds` if the money is no longer where it went, which leaves everything as it is."""
    audit.note(request, "transaction", transaction_id, new={"reason": body.reason})
    asked = await reversals.ask(
        db, transaction_id, officer.id, body.reason, request_id=audit.attempt_of(request).request_id
    )
    audit.note(request, "transaction", transaction_id, new={"reversal": asked.reversal.status})
    response.headers["Location"] = f"/api/v1/transactions/{transaction_id}/reversal"
    return _view(asked.reversal)


@router.get("/{transaction_id}/reversal", summary="What became of a reversal", responses=documented(401, 403, 404))
async def read_reversal(transaction_id: UUID, _officer: Officer, db: Db) -> ReversalView:
    """The newest reversal that was asked for of a transaction."""
    return _view(await reversals.newest_of(db, transaction_id))


@router.delete(
    "/{transaction_id}/reversal",
    summary="Withdraw a reversal",
    responses=documented(401, 403, 404, 409),
)
async def withdraw_reversal(transaction_id: UUID, request: Request, officer: Officer, db: Db) -> ReversalView:
    """By whoever has asked for it, as long as nobody has confirmed it. It may be asked for again."""
    audit.note(request, "transaction", transaction_id, new={"reversal": ReversalStatus.WITHDRAWN})
    return _view(await reversals.withdraw(db, transaction_id, officer.id))


def _view(reversal: Reversal) -> ReversalView:
    return ReversalView.model_validate(reversal.model_dump())
