"""Step-up: what is sensitive asks for a proof that is at most five minutes old (contract §3, OWASP ASVS 5.0 7.5).

    async def withdraw(order: Withdrawal, user: FreshAuthentication, ...) -> ...

Whoever proved themselves longer ago is refused with 403 `step_up_required`. The answer names the way out: a challenge,
which `POST /users/2fa/verify` takes with a code, or with the password where no second factor is set up.
"""

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import StringConstraints
from sqlalchemy.ext.asyncio import AsyncSession

from api.backoff import attempt
from api.deps import CurrentUser, Db, signed_in_person
from api.parts import parts_of
from api.routing import PREFIX
from infra.database import transaction
from models.auth import LONGEST_PASSWORD
from models.challenges import FRESH, Purpose, is_fresh, new_challenge, written_challenge
from models.errors import BadCredentials, StepUpRequired
from models.tables.auth import Caller, proofs_of
from models.tables.factors import has_factor
from models.tables.users import User, user

WRONG_ONE: Final = "The password is wrong"
_FRESH_MINUTES: Final = int(FRESH.total_seconds() // 60)
VERIFY: Final = f"{PREFIX}/users/2fa/verify"
# Longer than any password that can be set, so that a wrong one is wrong and not malformed.
GivenPassword = Annotated[str, StringConstraints(max_length=4 * LONGEST_PASSWORD)]


def challenge_for(request: Request, purpose: Purpose, person: User, caller: Caller | None = None) -> str:
    """A new challenge of `person`; for a step-up, of the session of `caller`."""
    secret = parts_of(request.scope).settings.token_secret.get_secret_value()
    session_id = caller.session_id if caller else None
    return written_challenge(new_challenge(purpose, person.id, person.password_hash, session_id), secret)


async def require_fresh(request: Request, db: AsyncSession, caller: Caller) -> None:
    """Raises `StepUpRequired` unless the session's last proof is fresh, and of two factors where there are two."""
    second = await has_factor(db, caller.id)
    amr = await proofs_of(db, caller.session_id)
    if is_fresh(caller.auth_time, amr, datetime.now(UTC), has_factor=second):
        return
    person = await user(db, caller.id)
    if second:
        methods, proof = ["code", "recovery_code"], "a code of your authenticator app"
    elif person.password_hash is not None:
        methods, proof = ["password"], "your password"
    else:
        # Signed in by an external identity alone.
        methods, proof = ["password"], 'a password, which you set first by "forgot password"'
    raise StepUpRequired(
        f"This needs a proof that is at most {_FRESH_MINUTES} minutes old: answer the challenge with {proof}",
        challenge=challenge_for(request, Purpose.STEP_UP, person, caller),
        methods=methods,
        verify_at=VERIFY,
    )


async def _fresh(request: Request, caller: CurrentUser, db: Db) -> Caller:
    await require_fresh(request, db, caller)
    return caller


FreshAuthentication = Annotated[Caller, Depends(_fresh)]


async def own_password(request: Request, credentials: HTTPAuthorizationCredentials | None, password: str) -> User:
    """The signed-in person, whose password `password` is. Raises `BadCredentials`, and
    `RateLimited` for a guess that comes too soon.

    In a transaction of its own, so that no connection waits while the password is checked; whoever relies on it locks
    the person then and compares the hash.
    """
    parts = parts_of(request.scope)
    async with transaction(parts.engine) as looking:
        caller = await signed_in_person(request, credentials, looking)
        person = await user(looking, caller.id)
    async with attempt(request, caller.email):
        right, _ = await parts.passwords.verify(password, person.password_hash)
        if not right:
            raise BadCredentials(WRONG_ONE)
    return person
