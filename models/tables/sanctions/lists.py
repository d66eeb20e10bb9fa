"""The lists, their versions and their entries, now and on any past day."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from models.screening import CountryRule, Purpose
from models.screening.lists import ListStatus

_BATCH: Final = 2_000
_NEWEST: Final = (
    "SELECT DISTINCT ON (v.list) v.list, v.id, v.label FROM sanctions_versions v"
    " JOIN sanctions_lists l ON l.name = v.list WHERE l.purpose = :purpose ORDER BY v.list, v.id DESC"
)
_STATUS: Final = text(
    "SELECT l.name, l.purpose, v.label AS version, v.id AS version_id, v.loaded_at, l.checked_at,"
    " clock_timestamp() - l.checked_at AS age, coalesce(v.entries, 0) AS entries, coalesce(v.added, 0) AS added,"
    " coalesce(v.changed, 0) AS changed, coalesce(v.removed, 0) AS removed, coalesce(v.malformed, 0) AS malformed,"
    " v.source, l.failed_at, l.failure FROM sanctions_lists l LEFT JOIN LATERAL"
    " (SELECT * FROM sanctions_versions v WHERE v.list = l.name ORDER BY v.id DESC LIMIT 1) v ON true ORDER BY l.name"
)


@dataclass(frozen=True)
class Current:
    """The versions of all lists for one purpose at a moment: by list its id and label, and the state of the places.

    Ids of versions say exactly which entries there are, whenever they are read.
    """

    versions: tuple[tuple[str, int, str], ...]
    countries: str

    @property
    def told(self) -> str:
        """In one string that changes when any of it does: `AURUM-DEMO/2026-11-01 OFAC-SDN/2026-11-20.2`."""
        lists = [f"{name}/{label}" for name, _, label in self.versions]
        return " ".join([*lists, f"COUNTRIES/{self.countries}"] if self.countries else lists)


async def current(session: AsyncSession, purpose: Purpose = Purpose.SANCTIONS) -> Current:
    """The versions that hold now."""
    rows = await session.execute(text(_NEWEST), {"purpose": purpose})
    versions = tuple((row.list, row.id, row.label) for row in rows)
    if purpose is not Purpose.SANCTIONS:
        return Current(versions, "")
    places = await session.execute(
        text(
            "SELECT left(md5(string_agg(concat_ws('|', country, program, effect, regions, names), E'\\n'"
            " ORDER BY country, program)), 8) FROM sanctions_countries"
        )
    )
    return Current(versions, places.scalar_one() or "")


async def hold_versions(session: AsyncSession) -> None:
    """Until this transaction ends no newer version of a list appears; waits for one that is being taken in."""
    await session.execute(text("SELECT pg_advisory_xact_lock_shared(hashtextextended('lists/versions', 0))"))


async def change_versions(session: AsyncSession) -> None:
    """From here to the end of this transaction nobody releases money by the versions that there are."""
    await session.execute(text("SELECT pg_advisory_xact_lock(hashtextextended('lists/versions', 0))"))


async def version(session: AsyncSession) -> str:
    """The versions of all loaded sanctions lists, in one string that changes when any of them does."""
    return (await current(session)).told


async def customer_versions(session: AsyncSession) -> str:
    """The versions of all lists that customers are screened against, in one string that changes with any of them."""
    pep = (await current(session, Purpose.PEP)).told
    return " ".join(filter(None, (await version(session), pep)))


async def version_at(session: AsyncSession, list_name: str, moment: datetime) -> int | None:
    """The version of a list that held at a past `moment`; None before the first."""
    found = await session.execute(
        text("SELECT max(id) FROM sanctions_versions WHERE list = :list AND loaded_at <= :moment"),
        {"list": list_name, "moment": moment},
    )
    version_id: int | None = found.scalar_one()
    return version_id


async def entries_of(session: AsyncSession, version_id: int) -> AsyncIterator[Sequence[Row[Any]]]:
    """The entries of a version, by the batch: `id`, `hash`, `content`."""
    stream = await session.stream(
        text("SELECT id, hash, content FROM sanctions_snapshot(:version)"),
        {"version": version_id},
        execution_options={"yield_per": _BATCH},
    )
    async for batch in stream.partitions(_BATCH):
        yield batch


async def status(session: AsyncSession) -> list[ListStatus]:
    """Where each list stands."""
    return [ListStatus.model_validate(dict(row)) for row in (await session.execute(_STATUS)).mappings()]


async def stale_lists(session: AsyncSession, most: timedelta) -> list[ListStatus]:
    """The sanctions lists that were last confirmed longer than `most` ago, by the database's clock."""
    return [one for one in await status(session) if one.stale(most)]


async def country_rules(session: AsyncSession) -> list[CountryRule]:
    """The places under a programme."""
    rows = await session.execute(
        text("SELECT country, program, effect, regions, names FROM sanctions_countries ORDER BY country, program")
    )
    return [CountryRule.model_validate(dict(row)) for row in rows.mappings()]


async def put_country_rules(session: AsyncSession, rules: Iterable[CountryRule]) -> None:
    """Makes the places those of `rules`. For the owner's role."""
    await change_versions(session)
    await session.execute(text("DELETE FROM sanctions_countries"))
    for rule in rules:
        await session.execute(
            text(
                "INSERT INTO sanctions_countries (country, program, effect, regions, names)"
                " VALUES (:country, :program, :effect, :regions, :names)"
            ),
            {**rule.model_dump(mode="json"), "regions": list(rule.regions), "names": list(rule.names)},
        )
