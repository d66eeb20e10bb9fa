"""What decides for everybody is kept in versions: one person proposes a version, and somebody else publishes it.

So the rules of monitoring are changed, and the approval matrix. Here: where a version stands, and in what it differs
from the one that it would take the place of.
"""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

Plain: TypeAlias = bool | int | str | list[str] | None


class ProposalStatus(StrEnum):
    """Where a version stands. `overtaken`: a later one was published first, so this one never is."""

    PROPOSED = "proposed"
    PUBLISHED = "published"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    OVERTAKEN = "overtaken"


class Alteration(StrEnum):
    """What becomes of one part of a version."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class FieldChange(BaseModel):
    """One thing that differs. Null where it is not set; `place` counts from 1."""

    model_config = ConfigDict(frozen=True)

    field: str = Field(examples=["hours"])
    old: Plain = Field(examples=[24])
    new: Plain = Field(examples=[12])


class Change(BaseModel):
    """A part, told by its name, in which a version differs from the one before."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(examples=["velocity_day"])
    what: Alteration = Field(examples=[Alteration.CHANGED])
    fields: list[FieldChange]


def status_of(
    *, published: bool, refused_by: UUID | None, proposed_by: UUID | None, later_published: bool
) -> ProposalStatus:
    """Where a version stands, from who did what to it and whether a later one was published."""
    if published:
        return ProposalStatus.PUBLISHED
    if refused_by is not None:
        return ProposalStatus.WITHDRAWN if refused_by == proposed_by else ProposalStatus.REFUSED
    return ProposalStatus.OVERTAKEN if later_published else ProposalStatus.PROPOSED


def changes(before: Sequence[BaseModel], after: Sequence[BaseModel], *, ordered: bool = False) -> list[Change]:
    """In what `after` differs from `before`: its parts in their order, then those that are gone.

    Parts have a `name`, by which they are told apart. `ordered`: their order means something, so one that stands
    elsewhere among the others has changed its `place`.
    """
    old, new = ({part["name"]: part for part in map(_flat, parts)} for parts in (before, after))
    moved = _moved(list(old), list(new)) if ordered else {}
    found = [
        Change(name=name, what=Alteration.CHANGED if name in old else Alteration.ADDED, fields=fields)
        for name, values in new.items()
        if (fields := [*moved.get(name, []), *_differing(old.get(name, {}), values)])
    ]
    gone = [name for name in old if name not in new]
    return found + [Change(name=name, what=Alteration.REMOVED, fields=_differing(old[name], {})) for name in gone]


def _flat(part: BaseModel) -> dict[str, Any]:
    """The fields that are set, those of a table (an amount for each currency) by the name of each line."""
    flat: dict[str, Any] = {}
    for field, value in part.model_dump(mode="json", exclude_none=True).items():
        if isinstance(value, dict):
            flat |= {f"{field}.{line}": inner for line, inner in value.items()}
        else:
            flat[field] = value
    return flat


def _differing(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[FieldChange]:
    fields = [field for field in dict.fromkeys([*old, *new]) if field != "name"]
    return [
        FieldChange(field=field, old=old.get(field), new=new.get(field))
        for field in fields
        if old.get(field) != new.get(field)
    ]


def _moved(old: list[str], new: list[str]) -> dict[str, list[FieldChange]]:
    both = [name for name in old if name in new], [name for name in new if name in old]
    kept = {
        name
        for block in SequenceMatcher(None, *both, autojunk=False).get_matching_blocks()
        for name in both[0][block.a : block.a + block.size]
    }
    return {
        name: [FieldChange(field="place", old=old.index(name) + 1, new=new.index(name) + 1)]
        for name in both[1]
        if name not in kept
    }
