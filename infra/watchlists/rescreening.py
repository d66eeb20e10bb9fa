"""Whom a change of a list concerns: what is new or different on it, against wires and payments, and the customers.

Not everything against everything: the index that is asked has the changed entries alone, with the weights that words
have on the whole list, so that it finds what the whole list would find.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from models.screening import Hit, Index, ListEntry, Subject, Vocabulary
from models.screening.lists import Change
from models.screening.parties import Party
from models.tables.sanctions import changes, parties_in_flight


@dataclass(frozen=True)
class Concerned:
    """A wire, a payment or a customer that matches what is new, strongest hit first."""

    party: Party
    hits: tuple[Hit, ...]


async def concerned(
    session: AsyncSession,
    *,
    list_name: str,
    label: str,
    before: int | None,
    after: int,
    vocabulary: Vocabulary,
    customers: bool = True,
    lookback: timedelta = timedelta(0),
    reading: Callable[[Sequence[Subject]], Sequence[Subject]] = tuple,
) -> list[Concerned]:
    """Everybody whom the change of a list from version `before` to `after` (named `label`) could concern.

    `vocabulary`: of the index of all lists (`Watchlists.of`). `customers`: whether they are looked through beside wires
    and payments. `lookback`: for how long those that were carried out are. `reading` gives all that is to be compared
    of a party. For the worker's role.
    """
    new = [one for one in await changes(session, before, after) if one.change != "removed"]
    if not new:
        return []
    index = await asyncio.to_thread(_index, new, list_name, label, vocabulary)
    return [
        Concerned(party, tuple(hits))
        async for party in parties_in_flight(session, customers=customers, lookback=lookback)
        if (hits := index.screen(reading(party.subjects)))
    ]


def _index(new: Sequence[Change], list_name: str, label: str, vocabulary: Vocabulary) -> Index:
    entries = [ListEntry.of(one.entity, list_name=list_name, version=label, hash_=one.hash) for one in new]
    return Index(entries, vocabulary=vocabulary)
