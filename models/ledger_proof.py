"""The proof of the ledger: what a run is given, what it found, and what of it is told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.ledger import Breach

# An entry and the line of the audit log that names it may be two commits of one request.
SETTLED_AFTER: Final = timedelta(minutes=15)
# How many breaches a proof keeps and tells; it counts all of them.
KEPT_BREACHES: Final = 100


class ProofStep(BaseModel):
    """`at` is the process's time. `run` names the step, so that one which is run again makes no second proof."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    run: str


class Proof(BaseModel):
    """What a proof found. `breaches` are the first `KEPT_BREACHES` of `breach_count`; `entries` is what was proven."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    at: datetime
    took_ms: int
    entries: int
    breach_count: int
    breaches: tuple[Breach, ...]

    @property
    def holds(self) -> bool:
        """Whether every rule holds."""
        return self.breach_count == 0


class Freeze(BaseModel):
    """Since when nothing is booked, and why; once it has ended, by which reason."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    since: datetime
    reason: str
    proof_id: UUID | None
    ended_at: datetime | None = None
    ended_reason: str | None = None


class Evidence(BaseModel):
    """One thing that a breach is seen by: a posting, an entry, a hold. `at` is when it was written."""

    model_config = ConfigDict(frozen=True)

    at: datetime | None
    told: str


class Explanation(BaseModel):
    """A breach and what it is seen by, oldest first. The first piece tells since when."""

    model_config = ConfigDict(frozen=True)

    breach: Breach
    evidence: tuple[Evidence, ...]

    @property
    def difference(self) -> int:
        """What is there beyond what should be there."""
        return self.breach.found - self.breach.expected

    def told(self) -> str:
        """The explanation as an operator reads it."""
        seen = next((piece.at for piece in self.evidence if piece.at is not None), None)
        since = f", since {seen:%Y-%m-%d %H:%M:%S} UTC" if seen else ""
        breach = self.breach
        lines = [
            f"{breach.rule}: {breach.subject}",
            f"  should be {breach.expected}, is {breach.found}: a difference of {self.difference:+}{since}",
            *(
                f"  {piece.at:%Y-%m-%d %H:%M:%S} {piece.told}" if piece.at else f"  {piece.told}"
                for piece in self.evidence
            ),
        ]
        return "\n".join(lines)


def freeze_reason(breaches: Sequence[Breach]) -> str:
    """Why posting is suspended, in a sentence: the rules that do not hold."""
    rules = sorted({breach.rule for breach in breaches})
    return f"The proof of the ledger found what may not be: {', '.join(rules)}"


def freeze_letter(reason: str, proof: Proof) -> str:
    """What operations are told of a freeze. Amounts stay in the administration: a letter may be read by others."""
    rules = sorted({breach.rule for breach in proof.breaches})
    return (
        f"{reason}. Nothing is booked until somebody has looked: transfers are refused, wires wait.\n\n"
        + "\n".join(f"  {rule}" for rule in rules)
        + f"\n\n{proof.breach_count} breaches, proof {proof.id}. Look with `ledger-explain`, put it right, then"
        " `ledger-unfreeze --reason …`."
    )


def told(proof: Proof) -> str:
    """A proof as Markdown, for whoever opens its process in the Temporal UI. Accounts are told by number, people not
    at all."""
    lines = [
        "### The ledger is in balance" if proof.holds else "### BREACH: posting is suspended",
        "" if proof.holds else "Look with `ledger-explain`, put it right, then `ledger-unfreeze --reason …`.",
        "",
        "| | |",
        "|---|---|",
        f"| Proven at | {proof.at:%Y-%m-%d %H:%M:%S} UTC |",
        f"| Took | {proof.took_ms} ms |",
        f"| Entries | {proof.entries} |",
        f"| Breaches | {proof.breach_count} |",
    ]
    if proof.breaches:
        lines += ["", "| rule | subject | should be | is |", "|---|---|---|---|"]
        lines += [f"| {b.rule} | `{b.subject}` | {b.expected} | {b.found} |" for b in proof.breaches[:20]]
    return "\n".join(lines)
