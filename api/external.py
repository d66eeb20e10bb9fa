"""Whoever comes with a token of the external identity provider (Clerk): who that is here (contract §2).

- Whom an identity is linked to comes in, by a session that is the provider's: ended here, it stays ended.
- An identity that nobody is linked to becomes a customer with standard rights, if its token carries an e-mail address
  that the provider has verified (`email`, `email_verified`: to be put into the session token at the provider).
- Where that address has an account already, nobody is linked: an account of the provider would then open an account of
  ours without its password and second factor. Its owner signs in with these, and links it (`api.identities`).
- Staff never come in this way, and neither does who has set up a second factor here: it would be passed by.

Such a session is no fresh proof (`api.step_up`), whenever it began.
"""

import dataclasses
import secrets
import time
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from api.audit import Attempt
from infra.database import AUTHENTICATOR, Principal, assume, transaction
from infra.identity import ExternalTokens, Identity
from models.audit import Outcome
from models.auth import Claims, Role
from models.errors import EmailNotVerified, ExternalSignInRefused
from models.letters import new_device
from models.tables.audit import append
from models.tables.auth import is_new_device
from models.tables.factors import has_factor
from models.tables.identities import add_linked_customer, linked_person, session_id, stay
from models.tables.notifications import tell
from models.tables.users import User, find_user
from models.users import read_email

log = structlog.get_logger(__name__)

_REMEMBERED: Final = 4096
_LONGEST_NAME: Final = 80


class ExternalDoor:
    """The way in for tokens of one provider. Who a token is of is asked of the database once for each token."""

    def __init__(self, tokens: ExternalTokens) -> None:
        self.tokens = tokens
        self._claims: dict[str, Claims] = {}

    async def claims(self, engine: AsyncEngine, attempt: Attempt, token: str) -> Claims:
        """What a token of ours would say of the person of `token`. Raises `BadToken`, `Unavailable`, and
        `ExternalSignInRefused`."""
        identity = await self.tokens.read(token)
        known = self._claims.get(token)
        if known is not None:
            return known
        claims = await self._enter(engine, attempt, identity)
        if len(self._claims) >= _REMEMBERED:
            self._claims.pop(next(iter(self._claims)))
        self._claims[token] = claims
        return claims

    async def _enter(self, engine: AsyncEngine, attempt: Attempt, identity: Identity) -> Claims:
        async with transaction(engine, AUTHENTICATOR) as session:
            person, created = await _person(session, identity)
            stay_id = session_id(self.tokens.issuer, identity.sub, identity.sid)
            # Sign-in code acts in the person's name.
            await assume(session, Principal(user_id=person.id, role=AUTHENTICATOR.role))
            if person.role != Role.CUSTOMER or await has_factor(session, person.id):
                raise ExternalSignInRefused("Sign in at Aurum itself: this account asks for its own second factor")
            new = not created and await is_new_device(session, person, attempt.user_agent, attempt.ip_address)
            begun = await stay(
                session, stay_id, person.id, ip_address=attempt.ip_address, user_agent=attempt.user_agent
            )
            if begun:
                if new:
                    await _tell_of_device(session, person, attempt)
                noted = dataclasses.replace(
                    attempt,
                    action="external_identities.sign_in",
                    principal=Principal(user_id=person.id, role=person.role),
                    session_id=stay_id,
                    resource_type="user",
                    resource_id=str(person.id),
                    old_values={},
                    new_values={"registered": created},
                )
                await append(session, noted.entry(Outcome.DONE))
        return _claims(person, identity, stay_id)


async def _person(session: AsyncSession, identity: Identity) -> tuple[User, bool]:
    """The person of `identity`, and whether they have just become one."""
    person = await linked_person(session, identity.sub)
    if person is not None:
        return person, False
    try:
        email = verified_email(identity)
    except EmailNotVerified as error:
        raise ExternalSignInRefused(error.detail) from None
    added = await add_linked_customer(
        session,
        clerk_user_id=identity.sub,
        email=email,
        first_name=_name(identity.first_name),
        last_name=_name(identity.last_name),
    )
    # Of two requests at once one has added them, and the other finds them.
    person = await linked_person(session, identity.sub)
    if person is not None:
        return person, added
    taken = await find_user(session, email)
    log.info("identity.refused", user_id=str(taken.id) if taken else None)
    raise ExternalSignInRefused(
        "This address has an account: sign in to it, and link the other sign-in in your profile"
    )


def verified_email(identity: Identity) -> str:
    """The address that the provider has verified. Raises `EmailNotVerified`."""
    if not identity.email or not identity.email_verified:
        raise EmailNotVerified("Confirm your e-mail address at the identity provider first")
    try:
        return read_email(identity.email)
    except ValueError:
        raise EmailNotVerified("The identity provider tells no e-mail address that can be used") from None


def _name(told: str | None) -> str:
    # Somebody else's system wrote it: what is no line of text is left out.
    name = (told or "").strip()[:_LONGEST_NAME]
    return name if name.isprintable() else ""


async def _tell_of_device(session: AsyncSession, person: User, attempt: Attempt) -> None:
    letter = new_device(attempt.user_agent, attempt.ip_address)
    key = f"new_device/{person.id}/{secrets.token_hex(8)}"
    await tell(session, user_id=person.id, key=key, event="new_device", **letter.model_dump())


def _claims(person: User, identity: Identity, stay_id: object) -> Claims:
    return Claims.model_validate(
        {
            "sub": person.id,
            "email": person.email,
            "role": person.role,
            "tier": person.tier,
            "permissions": person.rights,
            "iat": int(time.time()),
            "exp": identity.exp,
            "jti": "",
            "sid": stay_id,
            "auth_time": identity.iat,
            "amr": ("ext",),
            "clerk_user_id": identity.sub,
        }
    )
