"""The proof of the ledger for those who watch: what the last ones found, and whether posting is suspended."""

from datetime import datetime
from typing import Annotated, Final
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from api.admin.audit import router
from api.deps import Db, StaffWithAny
from api.errors import documented
from models.auth import Permission
from models.ledger_proof import Freeze, Proof
from models.tables import ledger_proofs
from models.tables.auth import Caller

# Row level security on the proofs says the same.
READERS: Final = (Permission.ADMIN_SYSTEM, Permission.ADMIN_REPORTS)


class BreachView(BaseModel):
    """A rule that did not hold. Amounts are whole minor units, since a breach may be of any account or of none."""

    rule: str = Field(examples=["balance_is_sum_of_postings"])
    subject: str = Field(description="An account number, or the id of an entry, a hold or a wire.")
    expected: int = Field(examples=[100000])
    found: int = Field(examples=[100001])


class ProofView(BaseModel):
    """What a proof found."""

    id: UUID
    at: datetime
    took_ms: int = Field(examples=[120])
    entries: int = Field(description="How many entries stood in the books.", examples=[1187])
    holds: bool = Field(description="Whether every rule held.", examples=[True])
    breach_count: int = Field(examples=[0])
    breaches: list[BreachView] = Field(description="The first of them.")


class FreezeView(BaseModel):
    """Since when nothing is booked, and why."""

    since: datetime
    reason: str
    proof_id: UUID | None


class LedgerProofView(BaseModel):
    """The state of the books. `latest` is null before the first proof, `freeze` while the ledger books."""

    frozen: bool = Field(examples=[False])
    freeze: FreezeView | None
    latest: ProofView | None
    history: list[ProofView] = Field(description="The last proofs, newest first.")


@router.get("/ledger-proof", summary="Whether the books are right", responses=documented(401, 403))
async def read_ledger_proof(
    _watcher: Annotated[Caller, StaffWithAny(*READERS)], db: Db, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> LedgerProofView:
    """The last proofs of the ledger, and the freeze that a breach has led to. The proof itself runs daily."""
    proofs = [_view(proof) for proof in await ledger_proofs.history(db, limit)]
    freeze = await ledger_proofs.frozen(db)
    return LedgerProofView(
        frozen=freeze is not None,
        freeze=_freeze(freeze) if freeze else None,
        latest=proofs[0] if proofs else None,
        history=proofs,
    )


def _view(proof: Proof) -> ProofView:
    return ProofView.model_validate({**proof.model_dump(), "holds": proof.holds})


def _freeze(freeze: Freeze) -> FreezeView:
    return FreezeView(since=freeze.since, reason=freeze.reason, proof_id=freeze.proof_id)
