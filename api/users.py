"""A person's own profile: `/users/me`, and `/auth/profile`, its older name (contract §3)."""

import secrets

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncSession

from api import audit
from api.deps import Configuration, CurrentUser, Db, act_as
from api.errors import documented
from api.profiles import ProfileView, profile
from api.routing import PREFIX, feature
from api.sessions import notify, sign_in_as
from api.step_up import require_fresh
from models.auth import VERIFICATION_LIFETIME, already_registered, token_hash
from models.letters import confirm_new_email, email_change_asked
from models.tables.email_tokens import add_email_token, void_email_tokens
from models.tables.users import User, change_user, find_user, user
from models.users import Address, Birthday, Email, Name, Phone

router: APIRouter = feature("users", prefix="")


class ProfileChange(BaseModel):
    """What a person may change of themselves. What is not named stays; null empties a field that may be empty."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"phone": "+31201234567", "address": {"town": "Utrecht", "country": "NL"}}]},
    )

    first_name: Name = ""
    last_name: Name = ""
    phone: Phone | None = None
    date_of_birth: Birthday | None = None
    address: Address | None = None
    email: Email = Field(default="", description="Counts once the mail that is sent to it is answered.")


@router.get("/auth/profile", summary="Your profile, by its older name", responses=documented(401))
@router.get("/users/me", summary="Your profile", responses=documented(401))
async def read_profile(caller: CurrentUser, db: Db) -> ProfileView:
    """Who is signed in."""
    return profile(await user(db, caller.id))


@router.put("/auth/profile", summary="Change your profile, by its older name", responses=documented(401, 403))
@router.put("/users/me", summary="Change your profile", responses=documented(401, 403))
async def change_profile(
    change: ProfileChange, caller: CurrentUser, config: Configuration, db: Db, request: Request
) -> ProfileView:
    """Changes the fields that are named and leaves the others.

    Another e-mail address needs a fresh proof (403 `step_up_required`). It takes the place of the old one once the mail
    that is sent to it is answered at `/auth/verify-email`; the old address is told.
    """
    wanted = change.model_dump(exclude_unset=True)
    before = await user(db, caller.id)
    email = wanted.pop("email", before.email)
    if email != before.email:
        audit.note(request, "user", caller.id, old={"email": before.email}, new={"wanted_email": email})
        await require_fresh(request, db, caller)
    audit.note(request, "user", caller.id, old={name: getattr(before, name) for name in wanted}, new=wanted)
    if wanted:
        await change_user(db, caller.id, **wanted)
    after = profile(await user(db, caller.id))
    if email != before.email:
        await _ask_new_address(request, db, before, email, config.public_url)
    return after


async def _ask_new_address(request: Request, db: AsyncSession, person: User, email: str, public_url: str) -> None:
    principal = audit.attempt_of(request).principal
    await sign_in_as(request, db, person.id)
    await notify(request, db, person, "email_change_asked", email_change_asked())
    await void_email_tokens(db, person.id, "change_email")
    holder = await find_user(db, email)
    if holder is None:
        token = secrets.token_urlsafe(32)
        seconds = VERIFICATION_LIFETIME.total_seconds()
        await add_email_token(db, person.id, "change_email", token_hash(token), seconds=seconds, new_email=email)
        letter = confirm_new_email(f"{public_url}{PREFIX}/auth/verify-email?token=")
        await notify(request, db, person, "confirm_new_email", letter, to_email=email, secret=token)
    elif holder.id != person.id:
        # Only the mail tells that the address is taken, to whoever has it.
        await notify(request, db, holder, "already_registered", already_registered())
    else:
        # The same address in other letters needs no proof.
        await change_user(db, person.id, email=email)
    await act_as(request, db, principal)
