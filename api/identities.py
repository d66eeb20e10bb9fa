"""Linking an identity of the external provider to an account that was there before (contract §2).

Both are proved at the same time: the account by a session of ours with a fresh proof, the identity by its token. Each
is linked to one at most.
"""

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api import audit
from api.deps import Db
from api.errors import documented
from api.external import verified_email
from api.parts import parts_of
from api.routing import feature
from api.sessions import Success, notify
from api.step_up import FreshAuthentication
from models.auth import Role
from models.errors import EmailNotVerified, Forbidden, NotFound, WrongState
from models.letters import external_identity_linked, external_identity_unlinked
from models.tables.factors import has_factor
from models.tables.identities import end_external_sessions
from models.tables.users import change_user, lock_user

router: APIRouter = feature("auth")


class ExternalIdentity(BaseModel):
    """A token of the identity provider."""

    model_config = ConfigDict(extra="forbid")

    token: Annotated[str, StringConstraints(min_length=1, max_length=8192)] = Field(examples=["eyJhbGciOiJSUzI1NiJ9.e"])


class Linked(BaseModel):
    """Whether an identity is linked to the account now."""

    linked: bool


@router.put("/external-identity", summary="Link an external identity", responses=documented(401, 403, 404, 409))
async def link_identity(
    given: ExternalIdentity, caller: FreshAuthentication, db: Db, request: Request
) -> Success[Linked]:
    """Lets the identity of `token` sign in to your account. It has to have your e-mail address, verified there; a fresh
    proof is needed (403 `step_up_required`), and no second factor set up here, which it would pass by."""
    door = parts_of(request.scope).external
    if door is None:
        raise NotFound("No external identity provider is set up")
    audit.note(request, "user", caller.id, new={"external_identity": True})
    identity = await door.tokens.read(given.token)
    if caller.role != Role.CUSTOMER:
        raise Forbidden("Staff sign in at Aurum itself")
    person = await lock_user(db, caller.id)
    if verified_email(identity).casefold() != person.email.casefold():
        raise EmailNotVerified("The identity has another e-mail address than your account")
    if await has_factor(db, person.id):
        raise WrongState("Two-factor sign-in is on; the identity would pass it by")
    if person.clerk_user_id not in (None, identity.sub):
        raise WrongState("Your account is linked to another identity; unlink that one first")
    if person.clerk_user_id is None:
        # An identity that is linked to somebody else is a conflict of the column's unique key.
        await change_user(db, person.id, clerk_user_id=identity.sub)
        await notify(request, db, person, "external_identity_linked", external_identity_linked())
    return Success(data=Linked(linked=True))


@router.delete("/external-identity", summary="Unlink the external identity", responses=documented(401, 403, 409))
async def unlink_identity(caller: FreshAuthentication, db: Db, request: Request) -> Success[Linked]:
    """Ends that it can sign in to your account. Its sessions end with it."""
    person = await lock_user(db, caller.id)
    audit.note(request, "user", caller.id, new={"external_identity": False})
    if person.clerk_user_id is not None:
        if person.password_hash is None:
            raise WrongState("Your account has no password yet: set one by 'forgot password' first")
        await change_user(db, person.id, clerk_user_id=None)
        await end_external_sessions(db, person.id)
        await notify(request, db, person, "external_identity_unlinked", external_identity_unlinked())
    return Success(data=Linked(linked=False))
