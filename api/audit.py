"""The audit of requests: what each attempt to change something was, and how it ended (contract §1).

An attempt that is carried out is recorded in its own transaction, so that there is no change without its line and no
line without its change. One that is refused or fails is recorded afterwards, in a transaction of its own, whoever
tried it. Handlers add what they know with `note`; they never write the log themselves.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from uuid import UUID

from fastapi import Request
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from starlette.types import Scope

from infra.database import AUTHENTICATOR, Principal, transaction
from models.audit import Outcome
from models.tables.audit import AuditEntry, append

CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_ATTEMPT: Final = "attempt"
E = TypeVar("E", bound=Callable[..., Any])


@dataclass(slots=True)
class Attempt:
    """One request, as the audit log will tell of it."""

    request_id: str
    method: str
    ip_address: str | None
    user_agent: str | None
    started: float = field(default_factory=time.perf_counter)
    action: str | None = None
    principal: Principal = AUTHENTICATOR
    session_id: UUID | None = None
    resource_type: str = ""
    resource_id: str = ""
    old_values: dict[str, Any] = field(default_factory=dict)
    new_values: dict[str, Any] = field(default_factory=dict)
    code: str | None = None
    discloses: bool = False
    recorded: bool = False

    @property
    def seconds(self) -> float:
        """How long it has taken until now."""
        return time.perf_counter() - self.started

    @property
    def audited(self) -> bool:
        """Whether it belongs in the log: it was to change something, or to hand something out, and what is known."""
        return self.action is not None and (self.method in CHANGING or self.discloses)

    def entry(self, outcome: Outcome) -> AuditEntry:
        """Its line in the log."""
        return AuditEntry(
            user_id=self.principal.user_id,
            actor_role="" if self.principal.role == AUTHENTICATOR.role else self.principal.role,
            action=self.action or self.method,
            resource_type=self.resource_type,
            resource_id=self.resource_id,
            old_values=self.old_values or None,
            new_values=self.new_values or None,
            ip_address=self.ip_address,
            user_agent=self.user_agent,
            session_id=self.session_id,
            request_id=self.request_id,
            duration_ms=self.seconds * 1000,
            outcome=outcome,
            code=self.code,
        )


def disclosing(endpoint: E) -> E:
    """Marks an operation that only reads, and of which the bank has to know who read it: each call is audited as a
    change is, refused ones too."""
    endpoint.discloses = True  # type: ignore[attr-defined] # a mark, which `api.routing` looks for
    return endpoint


def begin(scope: Scope, attempt: Attempt) -> None:
    """Makes `attempt` the one of this request."""
    scope.setdefault("state", {})[_ATTEMPT] = attempt


def attempt_of(request: Request) -> Attempt:
    """The attempt that this request is."""
    attempt = request.scope["state"][_ATTEMPT]
    assert isinstance(attempt, Attempt)
    return attempt


def note(
    request: Request,
    resource_type: str,
    resource_id: object = "",
    old: Mapping[str, Any] | None = None,
    new: Mapping[str, Any] | None = None,
) -> None:
    """Says what the request is about and what changes. Values are masked when they are written.

    Called before a rule is checked, it also says what a refused attempt was about. Called again, it adds.
    """
    attempt = attempt_of(request)
    attempt.resource_type = resource_type
    attempt.resource_id = str(resource_id) or attempt.resource_id
    attempt.old_values.update(old or {})
    attempt.new_values.update(new or {})


def outcome_of(status: int) -> Outcome:
    """What an answer's status says of the attempt."""
    if status >= 500:
        return Outcome.FAILED
    return Outcome.REFUSED if status >= 400 else Outcome.DONE


async def record(session: AsyncSession, attempt: Attempt, status: int) -> None:
    """Writes the line of an audited attempt in the transaction of its change."""
    if attempt.audited:
        await append(session, attempt.entry(outcome_of(status)))


async def record_apart(engine: AsyncEngine, attempt: Attempt, status: int) -> None:
    """Writes the line of an attempt whose own transaction is gone."""
    async with transaction(engine, attempt.principal) as session:
        await append(session, attempt.entry(outcome_of(status)))
