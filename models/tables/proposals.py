"""Versions that one person proposes and somebody else publishes, as they are kept (decision 0046).

Each kind has a table of its own with these columns: `version`, `proposed_by`, `proposed_at`, `published_by`,
`published_at`, `refused_by`, `refused_at`, `refusal`. The newest published version decides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    TableClause,
    and_,
    column,
    func,
    literal_column,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from models.errors import AurumError, FourEyes, NotFound, WrongState
from models.proposals import ProposalStatus, status_of

# What the database says of a version that came before the present one, and of two people who are one pair of eyes
# (0040_01_proposals.sql).
_REFUSALS: Final[dict[str, tuple[type[AurumError], str]]] = {
    "AU201": (WrongState, "A later version was published; propose this one anew"),
    "AU134": (FourEyes, "Whoever has proposed this version lends you their right, or you lend them yours"),
}


def versions_table(name: str) -> TableClause:
    """A table of versions, by the columns that are used here."""
    ends = ("published_by", "published_at", "refused_by", "refused_at", "refusal")
    return table(name, column("version"), *map(column, ends))


@dataclass(frozen=True)
class Versions:
    """A kind of versions: its table, and what people call them."""

    table: TableClause
    name: str

    async def newest(self, session: AsyncSession, most: int) -> Sequence[Row[Any]]:
        """The newest versions, newest first, down to the published one before them: what each would take the place of
        is among them, but for the last."""
        version, published = self.table.c.version, self.table.c.published_at.is_not(None)
        newest = select(version).order_by(version.desc()).limit(most).cte("newest")
        before = select(func.max(version)).where(
            published, version < select(func.min(newest.c.version)).scalar_subquery()
        )
        shown = or_(version.in_(select(newest.c.version)), version == before.scalar_subquery())
        rows: Select[Any] = select(literal_column("*")).select_from(self.table).where(shown).order_by(version.desc())
        found: Sequence[Row[Any]] = (await session.execute(rows)).all()
        return found

    async def find(self, session: AsyncSession, version: int) -> Row[Any]:
        """A version. Raises `NotFound`."""
        one: Select[Any] = select(literal_column("*")).select_from(self.table).where(self.table.c.version == version)
        row: Row[Any] | None = (await session.execute(one)).one_or_none()
        if row is None:
            raise NotFound(f"There is no such version of {self.name}")
        return row

    async def publish(self, session: AsyncSession, version: int, officer: UUID) -> None:
        """Makes a version the one that decides from now on.

        Raises `NotFound`, `FourEyes` for one's own or that of somebody who lends one their right, and `WrongState` for
        one that was published, refused or overtaken.
        """
        if (await self.find(session, version)).proposed_by == officer:
            raise FourEyes("You have proposed this version; somebody else publishes it")
        try:
            await self._end(session, version, published_by=officer, published_at=func.clock_timestamp())
        except DBAPIError as error:
            known = _REFUSALS.get(getattr(error.orig, "sqlstate", ""))
            if known is None:
                raise
            refused, why = known
            raise refused(why) from None

    async def refuse(self, session: AsyncSession, version: int, officer: UUID, reason: str) -> None:
        """Ends a version that was not published: its proposer withdraws it, or somebody else refuses it.

        Raises `NotFound` and `WrongState`.
        """
        await self.find(session, version)
        await self._end(session, version, refused_by=officer, refused_at=func.clock_timestamp(), refusal=reason)

    async def _end(self, session: AsyncSession, version: int, **values: Any) -> None:
        ended = update(self.table).where(self._waits(version)).values(**values).returning(self.table.c.version)
        if (await session.execute(ended)).scalar_one_or_none() is None:
            raise WrongState("This version was published or refused")

    def _waits(self, version: int) -> ColumnElement[bool]:
        columns = self.table.c
        return and_(columns.version == version, columns.published_at.is_(None), columns.refused_at.is_(None))


def standing(row: Row[Any], rows: Sequence[Row[Any]]) -> tuple[ProposalStatus, Row[Any] | None]:
    """Where a version stands among `rows`, and the published one before it: the one that it took, or would take, the
    place of."""
    published = [other for other in rows if other.published_at is not None]
    status = status_of(
        published=row.published_at is not None,
        refused_by=row.refused_by,
        proposed_by=row.proposed_by,
        later_published=any(other.version > row.version for other in published),
    )
    earlier = [other for other in published if other.version < row.version]
    return status, max(earlier, key=lambda other: other.version, default=None)
