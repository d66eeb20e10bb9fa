"""What is proven beside the books: that processes and rows name each other, that roll-ups are what postings say.

None of it freezes posting when it does not hold: the books are right all the same. Operations are told, and look.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.ledger import Breach
from models.payments.entries import PAYMENT
from models.payments.states import ENDED as PAYMENT_ENDED
from models.payments.states import PaymentStatus
from models.wires.states import ENDED

# How many findings a proof keeps and tells; it counts all of them.
KEPT_FINDINGS: Final = 100
# A process starts after the commit of its row, and ends after that of its row's end: within this, neither is missed.
SETTLED_AFTER: Final = timedelta(minutes=15)


class SideProofKind(StrEnum):
    """What is proven."""

    PROCESSES = "processes"
    FLOWS = "flows"


# An older proof says nothing about today: two runs were missed.
FRESH: Final = {SideProofKind.PROCESSES: timedelta(hours=3), SideProofKind.FLOWS: timedelta(hours=50)}


# Rules of the kind `processes`.
HOLD_RULE: Final = "open_hold_has_running_process"
PROCESS_RULE: Final = "running_process_has_open_row"


class Owner(BaseModel):
    """A kind of process that a row stands for: its workflow id is `<kind>/<id of the row>`, in `table`.

    `ended` are the states of a row that needs no process any more. A row in a state of `keeps_hold` may have a hold
    open without one: it waits for people (decision 0006).
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    table: str
    ended: frozenset[str]
    keeps_hold: frozenset[str] = frozenset()


# Every kind of process that may own a hold.
OWNERS: Final = (
    Owner(
        kind="wire",
        table="wire_transfers",
        ended=frozenset(status.value for status in ENDED),
    ),
    Owner(
        kind=PAYMENT,
        table="payments",
        ended=frozenset(status.value for status in PAYMENT_ENDED),
        keeps_hold=frozenset({PaymentStatus.BLOCKED.value}),
    ),
)


class SideProof(BaseModel):
    """What such a proof found; `checked` is how many things were looked at. Not `proven`: `note` says why not."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    kind: SideProofKind
    at: datetime
    took_ms: int
    proven: bool
    note: str
    checked: int
    finding_count: int
    findings: tuple[Breach, ...]

    def state(self, now: datetime) -> str:
        """`holds`, `found` (something is not as it should be), or `not_proven`: it failed, or is too long ago."""
        if self.finding_count:
            return "found"
        return "holds" if self.proven and self.at > now - FRESH[self.kind] else "not_proven"


def told(proof: SideProof) -> str:
    """A proof as Markdown, for whoever opens its process in the Temporal UI. Nobody is named, only ids."""
    if proof.finding_count:
        head = f"### {proof.finding_count} findings: to be looked at"
    else:
        head = "### All of it holds" if proof.proven else "### NOT PROVEN"
    lines = [head, proof.note, "", f"Checked {proof.checked} in {proof.took_ms} ms."]
    if proof.findings:
        lines += ["", "| rule | subject | should be | is |", "|---|---|---|---|"]
        lines += [f"| {b.rule} | `{b.subject}` | {b.expected} | {b.found} |" for b in proof.findings[:20]]
    return "\n".join(lines)
