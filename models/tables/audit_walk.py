"""Walking along the chain of the audit log, seal by seal, to the first place where log and chain disagree.

What a walk finds, whoever did it and with whatever rights: a row that was changed, removed, or put in with a time long
past; a seal that was changed, removed or moved. What it cannot find by itself is a chain that was shortened at its
end, or written anew from some seal on: anybody who can write to the table can work such a chain out. Heads that were
kept outside the database (`infra.audit_anchors`) show both, back to the last head that was kept. Nothing shows

- a row changed, put in or removed before it was sealed (seconds), or before its head was kept (minutes);
- a server that answers this walk with other rows than it gives to others.

The rows are hashed here, with `models.audit_chain.row_hash`. The sealer has the database do it, in SQL
(`audit_seals.ROW_HASH`), so each seal that verifies was worked out twice, by two programs.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from models.audit_chain import COLUMNS, GENESIS, WINDOW, Break, BreakKind, Head, Link, Verification, row_hash
from models.tables.audit_seals import SEAL, TEXTS, seal_at

# Also how long the event loop of the API is kept at a time: some ten milliseconds.
BATCH: Final = 1000
_WINDOW: Final = WINDOW.total_seconds()
_COLUMNS: Final = ", ".join(f"{column} AS c{place}" for place, column in enumerate(TEXTS))
# As a double and not as a time: a forged one may be infinite, or before Christ.
_AT: Final = "CAST(extract(epoch FROM a.at) AS double precision)"
# Where the parts of a row of `_STRETCH` begin, behind the seal: whether its row is there, that row's time, its texts.
_PRESENT, _TIME, _TEXTS = 6, 7, 8
_NEXT_AT: Final = text(f"SELECT {_AT} FROM audit_logs a WHERE a.id > :id ORDER BY a.id LIMIT 1")
_TOLD: Final = "a.at BETWEEN clock_timestamp() - :window AND clock_timestamp() + :window"
# A seal before the first one is in nobody's chain.
_NO_SEAL: Final = "NOT EXISTS (SELECT FROM audit_seals s WHERE s.audit_id = a.id AND s.chain_seq > 0)"
_UNSEALED: Final = text(
    f"SELECT count(*) FILTER (WHERE {_TOLD}) AS waiting, min(a.id) FILTER (WHERE NOT {_TOLD}) AS strange"
    f" FROM audit_logs a WHERE {_NO_SEAL}"
)
_STRANGE: Final = text(
    f"SELECT {_AT} AS at, a.at > clock_timestamp() AS ahead, CAST(a.at AS text) AS told"
    " FROM audit_logs a WHERE a.id = :id"
)
_WITHOUT_SEAL: Final = text(f"SELECT min(a.id) FROM audit_logs a WHERE a.id > :after AND {_NO_SEAL}")
# Joined row by row over the key: however many rows there are, and whatever the planner believes.
_STRETCH: Final = text(
    f"SELECT {SEAL}, a.* FROM"
    " (SELECT * FROM audit_seals WHERE chain_seq > :after ORDER BY chain_seq LIMIT :batch) s LEFT JOIN LATERAL"
    f" (SELECT true AS present, {_AT} AS seconds, {_COLUMNS} FROM audit_logs a"
    " WHERE a.id = s.audit_id OFFSET 0) a ON true"
    " ORDER BY s.chain_seq"
)
_SEALS: Final = text(f"SELECT {SEAL} FROM audit_seals s WHERE s.chain_seq > :after ORDER BY s.chain_seq LIMIT :batch")


async def verify(session: AsyncSession, *, anchors: Iterable[Head] = (), start: int = 1) -> Verification:
    """Walks the chain from the seal `start` on, and compares it with `anchors`. Changes nothing.

    Later starts are for going on behind a break that is known; what stands before is then taken on trust.
    """
    walk = _Walk(session, {anchor.chain_seq: anchor for anchor in anchors if anchor.chain_seq >= start})
    broken = await walk.begin(start) or await walk.along()
    waiting = 0
    if broken is None:
        waiting, broken = await walk.unsealed()
    return Verification(
        intact=broken is None,
        verified=walk.verified,
        waiting=waiting,
        anchors=walk.anchored,
        sealed_late=walk.late,
        head=walk.last.head if walk.last else None,
        first_break=broken,
    )


class _Walk:
    def __init__(self, session: AsyncSession, anchors: dict[int, Head]) -> None:
        self._session = session
        self._anchors = anchors
        self.last: Link | None = None
        self._newest = float("-inf")
        self._highest = 0
        self.verified = self.late = self.anchored = 0

    @property
    def _behind(self) -> bytes:
        return self.last.chain_hash if self.last else GENESIS

    @property
    def _expected(self) -> int:
        return self.last.chain_seq + 1 if self.last else 1

    async def begin(self, start: int) -> Break | None:
        """Stands before the seal `start`."""
        if start > 1:
            self.last = await seal_at(self._session, start - 1)
            if self.last is None:
                return _broken(
                    BreakKind.SEAL_REMOVED, start - 1, None, f"There is no seal {start - 1} to start behind."
                )
        return None

    async def along(self) -> Break | None:
        """Walks to the end, or to the first break."""
        while rows := await self._next(_STRETCH, self.last.chain_seq if self.last else 0):
            for row in rows:
                link = Link._make(row[:_PRESENT])
                kind = self._suspicion(link, row)
                if kind is not None:
                    broken = await self._told(kind, link, row)
                    if broken is not None:
                        return broken
                self._pass(link, row[_TIME])
        return self._shortened()

    async def _next(self, statement: TextClause, after: int) -> Sequence[Any]:
        return (await self._session.execute(statement, {"after": after, "batch": BATCH})).all()

    def _suspicion(self, link: Link, row: Sequence[Any]) -> BreakKind | None:
        """What may be wrong with a seal, most telling first. Some of it wants a closer look (`_told`)."""
        if link.chain_seq != self._expected:
            return BreakKind.SEAL_REMOVED
        if link.formula not in COLUMNS or not link.follows(self._behind):
            return BreakKind.SEAL_CHANGED
        if not row[_PRESENT]:
            return BreakKind.REMOVED
        if self._hash(link, row) != link.row_hash:
            return BreakKind.CHANGED
        anchor = self._anchors.get(link.chain_seq)
        if anchor is not None and anchor.chain_hash != link.chain_hash.hex():
            return BreakKind.REWRITTEN
        if link.audit_id < self._highest or row[_TIME] < self._newest - _WINDOW:
            return BreakKind.INSERTED
        return None

    def _hash(self, link: Link, row: Sequence[Any]) -> bytes | None:
        if not row[_PRESENT]:
            return None
        return row_hash(link.formula, row[_TEXTS:])

    def _pass(self, link: Link, at: float) -> None:
        self.verified += 1
        self.anchored += link.chain_seq in self._anchors
        self.late += link.sealed_us / 1e6 - at > _WINDOW
        self._newest = max(self._newest, at)
        self._highest = max(self._highest, link.audit_id)
        self.last = link

    async def _told(self, kind: BreakKind, link: Link, row: Sequence[Any]) -> Break | None:
        """The break behind a suspicion; None where a closer look finds nothing wrong."""
        seq, audit_id = link.chain_seq, link.audit_id
        match kind:
            case BreakKind.SEAL_REMOVED:
                return await self._gap(link)
            case BreakKind.SEAL_CHANGED:
                return await self._misfit(link, self._hash(link, row))
            case BreakKind.REMOVED:
                detail = f"The row {audit_id}, sealed as {seq}, is not there any more."
            case BreakKind.CHANGED:
                detail = f"The row {audit_id} is not what was sealed as {seq}."
            case BreakKind.REWRITTEN:
                detail = (
                    f"The chain is whole, and it is not the one whose head was kept as {seq}:"
                    f" rows or seals were written anew after {self._last_anchored(seq)}, up to {seq}."
                )
            case _:
                return await self._out_of_time(link, row[_TIME])
        return _broken(kind, seq, audit_id, detail)

    async def _gap(self, found: Link) -> Break:
        missing, moved = self._expected, await self._moved_from(None)
        if moved is not None:
            return moved
        after = self.last.audit_id if self.last else 0
        unsealed = (await self._session.execute(_WITHOUT_SEAL, {"after": after})).scalar_one()
        which = f"{missing}" if found.chain_seq == missing + 1 else f"{missing} to {found.chain_seq - 1}"
        return _broken(
            BreakKind.SEAL_REMOVED, missing, unsealed, f"There is no seal {which}, and there are later ones."
        )

    async def _misfit(self, link: Link, actual: bytes | None) -> Break:
        seq, audit_id = link.chain_seq, link.audit_id
        if actual is not None and link._replace(row_hash=actual).follows(self._behind):
            return _broken(
                BreakKind.SEAL_CHANGED,
                seq,
                audit_id,
                f"The seal {seq} has another hash for the row {audit_id} than it had.",
            )
        moved = await self._moved_from(link)
        if moved is not None:
            return moved
        detail = f"The seal {seq} of the row {audit_id} was changed"
        if self.last is not None:
            detail += f", or the seal {seq - 1} before it with its row {self.last.audit_id}"
        return _broken(BreakKind.SEAL_CHANGED, seq, audit_id, detail + ": the one does not follow the other.")

    async def _moved_from(self, here: Link | None) -> Break | None:
        """Whether what belongs at this place stands at a later one."""
        seq = self._expected
        async for other in self._seals_from(seq):
            candidates = [other._replace(chain_seq=seq)]
            if here is not None:
                candidates.append(here._replace(audit_id=other.audit_id, row_hash=other.row_hash))
            if other.chain_seq != seq and any(candidate.follows(self._behind) for candidate in candidates):
                detail = f"The row {other.audit_id} was sealed as {seq}, and its seal was moved to {other.chain_seq}."
                return _broken(BreakKind.REORDERED, seq, other.audit_id, detail)
        return None

    async def _seals_from(self, seq: int) -> AsyncIterator[Link]:
        after = seq - 1
        while rows := await self._next(_SEALS, after):
            for row in rows:
                link = Link._make(row)
                after = link.chain_seq
                if link.formula in COLUMNS:
                    yield link

    async def _out_of_time(self, link: Link, at: float) -> Break | None:
        """Whether a row was put in by hand: older than what was sealed long before it, or with an id that was handed
        out long before its time."""
        seq, audit_id = link.chain_seq, link.audit_id
        if at < self._newest - _WINDOW:
            detail = f"The row {audit_id} says it is older than it is: rows much younger were sealed before it."
            return _broken(BreakKind.INSERTED, seq, audit_id, detail)
        after = (await self._session.execute(_NEXT_AT, {"id": audit_id})).scalar_one_or_none()
        if after is not None and at > after + _WINDOW:
            detail = f"The row {audit_id} stands in a gap of the ids: the row after it is much older."
            return _broken(BreakKind.INSERTED, seq, audit_id, detail)
        return None

    def _shortened(self) -> Break | None:
        beyond = [seq for seq in self._anchors if seq >= self._expected]
        if not beyond:
            return None
        anchor = self._anchors[max(beyond)]
        end = f"ends with the seal {self.last.chain_seq}" if self.last else "is empty"
        detail = f"The chain {end}, and at {anchor.sealed_at.isoformat()} it went up to {anchor.chain_seq}."
        return _broken(BreakKind.TRUNCATED, self._expected, None, detail)

    async def unsealed(self) -> tuple[int, Break | None]:
        """How many rows are too young to have a seal, and the first one that should have one."""
        waiting, strange = (await self._session.execute(_UNSEALED, {"window": WINDOW})).one()
        if strange is None:
            return waiting, None
        at, ahead, told = (await self._session.execute(_STRANGE, {"id": strange})).one()
        if ahead:
            return waiting, _broken(
                BreakKind.INSERTED, None, strange, f"The row {strange} says it is of {told}, to come."
            )
        if at < self._newest - _WINDOW:
            detail = f"The row {strange} of {told} has no seal, and rows much younger have one: it was put in later."
            return waiting, _broken(BreakKind.INSERTED, None, strange, detail)
        detail = (
            f"The row {strange} of {told} has no seal: the sealer has stood still since, the last seals were removed,"
            " or it was put in later than it says."
        )
        return waiting, _broken(BreakKind.UNSEALED, None, strange, detail)

    def _last_anchored(self, seq: int) -> str:
        earlier = [anchored for anchored in self._anchors if anchored < seq]
        return f"the seal {max(earlier)}" if earlier else "the beginning"


def _broken(kind: BreakKind, chain_seq: int | None, audit_id: int | None, detail: str) -> Break:
    return Break(kind=kind, chain_seq=chain_seq, audit_id=audit_id, detail=detail)
