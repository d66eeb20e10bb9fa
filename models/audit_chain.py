"""The hash chain over the audit log: its formula, and what a verification says.

Formula 1, in bytes:

    row hash   = SHA-256( 01 | "row"  | column, column, … )       the columns of `COLUMNS[1]`, in that order
    column     = length (4, big-endian) | UTF-8 of its text       or ff ff ff ff for NULL
    chain hash = SHA-256( 01 | "seal" | previous chain hash | chain_seq (8) | audit_id (8) | sealed_at (8) | row hash )

The text of a column is what PostgreSQL writes for it (a jsonb in its own canonical spelling), a moment in UTC as
`2026-11-21T22:00:00.1234`, without a zone and without zeros at its end. `sealed_at` is in microseconds since 1970.
Before the first seal stand 32 zero bytes.

A formula is never changed, since old seals are verified with it: a new column of `audit_logs` needs formula 2.
"""

import hashlib
import struct
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

FORMULA: Final = 1
GENESIS: Final = bytes(32)
COLUMNS: Final[Mapping[int, tuple[str, ...]]] = {
    1: (
        *("id", "at", "user_id", "actor_role", "action", "resource_type", "resource_id", "old_values", "new_values"),
        *("ip_address", "user_agent", "session_id", "request_id", "duration_ms", "outcome", "code"),
    )
}
# The longest that a transaction of the API or the worker lasts (migration 0002 sets it), and so the longest between a
# row's time and its being seen.
TRANSACTION_LIMIT: Final = timedelta(minutes=10)
# With room for the sealer's own rhythm. What appears later than this was not written when it says.
WINDOW: Final = timedelta(minutes=15)

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NULL: Final = b"\xff\xff\xff\xff"
_LENGTH: Final = struct.Struct(">I")
_SEAL: Final = struct.Struct(">qqq")


class BreakKind(StrEnum):
    """How the log and its chain disagree."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"
    SEAL_REMOVED = "seal_removed"
    SEAL_CHANGED = "seal_changed"
    UNSEALED = "unsealed"
    TRUNCATED = "truncated"
    REWRITTEN = "rewritten"


class Link(NamedTuple):
    """One seal: that the row `audit_id` had this hash at `sealed_us` (microseconds since 1970), after all the seals
    before it."""

    chain_seq: int
    audit_id: int
    row_hash: bytes
    chain_hash: bytes
    formula: int
    sealed_us: int

    def follows(self, previous: bytes) -> bool:
        """Whether its chain hash is that of its contents after the chain hash `previous`."""
        return self.chain_hash == chain_hash(previous, self)

    @property
    def head(self) -> "Head":
        """What is kept of it outside the database."""
        return Head(
            chain_seq=self.chain_seq,
            chain_hash=self.chain_hash.hex(),
            sealed_at=_EPOCH + timedelta(microseconds=self.sealed_us),
            formula=self.formula,
        )


class Head(BaseModel):
    """The end of the chain at some moment. Kept outside the database, it proves what was there then."""

    model_config = ConfigDict(frozen=True)

    chain_seq: int = Field(ge=1, examples=[1200])
    chain_hash: str = Field(pattern="^[0-9a-f]{64}$", examples=["9f2c" * 16])
    sealed_at: datetime
    formula: int = Field(examples=[FORMULA])


class Break(BaseModel):
    """The first place where log and chain disagree, and how."""

    model_config = ConfigDict(frozen=True)

    kind: BreakKind = Field(examples=[BreakKind.CHANGED])
    audit_id: int | None = Field(description="The row of the audit log, where one can be named.", examples=[1187])
    chain_seq: int | None = Field(description="The seal, where there is or was one.", examples=[1180])
    detail: str = Field(examples=["The row 1187 is not what was sealed as 1180."])


class Verification(BaseModel):
    """What a walk along the chain found. `intact` says that there is no break; the walk ends at the first one."""

    model_config = ConfigDict(frozen=True)

    intact: bool
    verified: int = Field(description="Seals whose row and place are right.", examples=[1200])
    waiting: int = Field(description="Rows too young to have a seal.", examples=[3])
    anchors: int = Field(description="Heads kept outside the database that the chain was compared with.", examples=[24])
    sealed_late: int = Field(
        description="Rows sealed long after they were written, because the sealer stood still, or because somebody"
        " wrote them later than they say.",
        examples=[0],
    )
    head: Head | None = Field(description="The last seal that was verified.")
    first_break: Break | None


class SealRun(BaseModel):
    """One pass of the sealer over the log: when it began, by the database's clock, above which id it looks for rows
    without a seal, and how far it has come."""

    model_config = ConfigDict(frozen=True)

    started: datetime
    above: int
    reached: int
    swept_at: datetime


class SealReport(BaseModel):
    """What one step of the sealer did. `rest` is the pass that has not come to its end."""

    model_config = ConfigDict(frozen=True)

    sealed: int
    rest: SealRun | None = None


class AnchorReport(BaseModel):
    """The head that is now kept outside the database, or what is wrong with the chain since it was last kept."""

    model_config = ConfigDict(frozen=True)

    head: Head | None = None
    broken: str | None = None


def row_hash(formula: int, texts: Sequence[str | None]) -> bytes:
    """The hash of a row, given the texts of the columns `COLUMNS[formula]`."""
    parts = [bytes((formula,)), b"row"]
    for text in texts:
        if text is None:
            parts.append(_NULL)
        else:
            encoded = text.encode()
            parts += (_LENGTH.pack(len(encoded)), encoded)
    return hashlib.sha256(b"".join(parts)).digest()


def chain_hash(previous: bytes, link: Link) -> bytes:
    """The hash of `link` (whatever it has for one) after the chain hash `previous`."""
    numbers = _SEAL.pack(link.chain_seq, link.audit_id, link.sealed_us)
    return hashlib.sha256(b"".join((bytes((link.formula,)), b"seal", previous, numbers, link.row_hash))).digest()


def chained(previous: Link | None, sealed_us: int, rows: Iterable[tuple[int, bytes]]) -> list[Link]:
    """Seals for `rows` (id and row hash by the present formula), behind `previous`."""
    last = previous.chain_hash if previous else GENESIS
    links = []
    for chain_seq, (audit_id, hashed) in enumerate(rows, start=previous.chain_seq + 1 if previous else 1):
        link = Link(chain_seq, audit_id, hashed, b"", FORMULA, sealed_us)
        last = chain_hash(last, link)
        links.append(link._replace(chain_hash=last))
    return links
