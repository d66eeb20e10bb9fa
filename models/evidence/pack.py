"""What an evidence pack holds: rows as the database has them, and the audit log's lines with their seals."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.audit_chain import Head, Link, chain_hash

FORMAT: Final = "aurum-wire-evidence/1"


class Part(BaseModel):
    """A part of a pack."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class LogLine(Part):
    """A line of the audit log as the texts that its seal is made of. `chain_seq` is none while it has no seal."""

    texts: tuple[str | None, ...]
    formula: int
    chain_seq: int | None


class Seal(Part):
    """One seal, as it was (models/audit_chain.py)."""

    audit_id: int
    row_hash: str
    formula: int
    sealed_us: int


class Stretch(Part):
    """Seals in their order, from the seal `first` on, to the kept head `anchor` or, without one, to the chain's end.

    `behind` is the chain hash before the first of them.
    """

    first: int
    behind: str
    seals: tuple[Seal, ...]
    head: str
    anchor: Head | None

    def links(self) -> Iterator[Link]:
        """The seals as links, each with the chain hash that follows from those before it."""
        last = bytes.fromhex(self.behind)
        for place, seal in enumerate(self.seals, start=self.first):
            link = Link(place, seal.audit_id, bytes.fromhex(seal.row_hash), b"", seal.formula, seal.sealed_us)
            last = chain_hash(last, link)
            yield link._replace(chain_hash=last)


class AuditProof(Part):
    """The lines about the wire, and the stretches of the chain that they stand in."""

    lines: tuple[LogLine, ...]
    stretches: tuple[Stretch, ...]


class EvidencePack(Part):
    """Everything about one wire. The parts are rows as the database has them; `order` is what the officers' hash is of.

    Amounts are whole minor units.
    """

    format: Literal["aurum-wire-evidence/1"] = FORMAT
    made_at: datetime
    made_by: UUID
    wire_id: UUID
    order: dict[str, Any]
    wire: dict[str, Any]
    timeline: list[dict[str, Any]]
    approvals: list[dict[str, Any]]
    screening: list[dict[str, Any]]
    rulings: list[dict[str, Any]]
    # Packs that were made before there were these have none.
    overrides: list[dict[str, Any]] = []
    call_backs: list[dict[str, Any]] = []
    routing: dict[str, Any] | None
    questions: list[dict[str, Any]]
    recalls: list[dict[str, Any]]
    hold: dict[str, Any] | None
    entries: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    answers: list[dict[str, Any]]
    audit: AuditProof
