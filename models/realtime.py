"""What is told over sockets as it happens, and to whom (contract §9).

An event is a committed row that says what happened to an alert, a wire or a review: ids, states, references. Customers
are told of their own; officers of the cases that their permissions let them read. The database says the same by row
level security, for whoever reads later what they have missed.
"""

from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from models.auth import Permission, Role
from models.errors import RateLimited, RuleRefused

# How long an event can be read afterwards.
EVENTS_KEPT: Final = timedelta(days=7)


class EventKind(StrEnum):
    """What an event is about."""

    ALERT = "alert"
    WIRE = "wire"
    KYC = "kyc"


class SocketLimits(BaseModel):
    """What one may have at the same time: sockets of a process and of a person in it, symbols of a socket; and how many
    messages a socket may send in ten seconds, all of its frames counted."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sockets: Annotated[int, Field(ge=1, le=100_000)] = 5_000
    per_person: Annotated[int, Field(ge=1, le=100_000)] = 20
    symbols: Annotated[int, Field(ge=1, le=1_000)] = 50
    messages: Annotated[int, Field(ge=10, le=100_000)] = 200


class TooManySockets(RateLimited):
    """This person, or this process, has as many sockets as it may."""

    code = "too_many_sockets"
    title = "Too many sockets"


class TooManySymbols(RuleRefused):
    """A socket follows so many symbols at most."""

    code = "too_many_symbols"
    title = "Too many symbols"


class LiveEvent(BaseModel):
    """Something that happened. `told`: whether its customer may know; `data`: by kind, as the database wrote it."""

    model_config = ConfigDict(frozen=True)

    id: int
    at: datetime
    kind: EventKind
    user_id: UUID
    told: bool
    subject_id: UUID
    data: dict[str, Any]


class Viewer(BaseModel):
    """Somebody who may be told."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    role: str
    permissions: frozenset[str]

    @property
    def kinds(self) -> AbstractSet[EventKind]:
        """The kinds of cases of other people that they may be told of."""
        if self.role == Role.CUSTOMER:
            return frozenset()
        return frozenset(kind for kind, permission in _OFFICERS.items() if permission in self.permissions)

    def may_see(self, event: LiveEvent) -> bool:
        """Whether they may be told of `event`."""
        if event.user_id == self.id:
            # Nobody is an officer of a review of themselves; a wire of their own is read like any other.
            return event.told or event.kind in self.kinds - {EventKind.KYC}
        return event.kind in self.kinds


_OFFICERS: Final = {EventKind.WIRE: Permission.WIRES_READ, EventKind.KYC: Permission.ADMIN_COMPLIANCE}
