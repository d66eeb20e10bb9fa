"""What another approval matrix would have asked for about wires that were routed before."""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from models.wires.approval import Approver, Facts, Matrix, covers


class Routed(BaseModel):
    """A wire that was routed: what the matrix was asked about, and what it asked for."""

    model_config = ConfigDict(frozen=True)

    facts: Facts
    approvers: tuple[Approver, ...]
    call_back: bool


class Effect(BaseModel):
    """Of so many wires, how many would have taken `more` approvers than they took, `fewer`, or `other` ones, which do
    not stand in for those; the rest the same. And how many customers were called back, and would have been."""

    model_config = ConfigDict(frozen=True)

    wires: int = Field(examples=[500])
    more: int = Field(examples=[12])
    fewer: int = Field(examples=[3])
    other: int = Field(examples=[0])
    called_back: int = Field(examples=[4])
    would_call_back: int = Field(examples=[6])


def effect(matrix: Matrix, routed: Iterable[Routed], currency: str) -> Effect:
    """What `matrix` would have asked for about `routed`, in a bank whose base currency is `currency`."""
    counted = dict.fromkeys(Effect.model_fields, 0)
    for wire in routed:
        wanted = matrix.decides(wire.facts, currency).approvers
        enough, enough_before = covers(wanted, wire.approvers), covers(wire.approvers, wanted)
        counted["wires"] += 1
        counted["more"] += enough and not enough_before
        counted["fewer"] += enough_before and not enough
        counted["other"] += not enough and not enough_before
        counted["called_back"] += wire.call_back
        counted["would_call_back"] += matrix.calls_back(wire.facts, currency)
    return Effect(**counted)
