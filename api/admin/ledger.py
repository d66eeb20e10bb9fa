"""The proof of the ledger for those who watch: what the last ones found, and whether posting is suspended."""

from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import Query
from pydantic import BaseModel, Field

from api.admin.audit import router
from api.deps import Db, StaffWithAny
from api.errors import documented
from models.auth import Permission
from models.ledger_proof import Freeze, Proof
from models.side_proofs import SideProof, SideProofKind
from models.tables import ledger_proofs, side_proofs
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


class SideProofView(BaseModel):
    """The last proof of something beside the books, which freezes nothing."""

    kind: SideProofKind
    state: Literal["holds", "found", "not_proven"] = Field(
        description="`not_proven`: it could not be made (`note` says why), was never made, or too long ago to tell."
    )
    at: datetime | None
    note: str = Field(examples=[""])
    checked: int = Field(description="How many holds and processes, or accounts, were looked at.", examples=[12])
    finding_count: int = Field(examples=[0])
    findings: list[BreachView] = Field(description="The first of them.")


class LedgerProofView(BaseModel):
    """The state of the books. `latest` is null before the first proof, `freeze` while the ledger books."""

    frozen: bool = Field(examples=[False])
    freeze: FreezeView | None
    latest: ProofView | None
    history: list[ProofView] = Field(description="The last proofs, newest first.")
    beside: list[SideProofView] = Field(description="Whether processes and holds, roll-ups and postings agree.")


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
        beside=[_beside(kind, await side_proofs.latest(db, kind)) for kind in SideProofKind],
    )


def _view(proof: Proof) -> ProofView:
    return ProofView.model_validate({**proof.model_dump(), "holds": proof.holds})


def _freeze(freeze: Freeze) -> FreezeView:
    return FreezeView(since=freeze.since, reason=freeze.reason, proof_id=freeze.proof_id)


def _beside(kind: SideProofKind, proof: SideProof | None) -> SideProofView:
    if proof is None:
        return SideProofView(
            kind=kind, state="not_proven", at=None, note="Never proven", checked=0, finding_count=0, findings=[]
        )
    state = proof.state(datetime.now(UTC))
    late = state == "not_proven" and proof.proven
    told = proof.model_dump() | {"state": state, "note": "The last proof is too long ago" if late else proof.note}
    return SideProofView.model_validate(told)
