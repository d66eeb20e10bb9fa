"""A person's own profile: `/users/me`, and `/auth/profile`, its older name (contract §3)."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from api import audit
from api.deps import CurrentUser, Db
from api.errors import documented
from api.profiles import ProfileView, profile
from api.routing import feature
from models.tables.users import change_user, user
from models.users import Address, Birthday, Name, Phone

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


@router.get("/auth/profile", summary="Your profile, by its older name", responses=documented(401))
@router.get("/users/me", summary="Your profile", responses=documented(401))
async def read_profile(caller: CurrentUser, db: Db) -> ProfileView:
    """Who is signed in."""
    return profile(await user(db, caller.id))


@router.put("/auth/profile", summary="Change your profile, by its older name", responses=documented(401))
@router.put("/users/me", summary="Change your profile", responses=documented(401))
async def change_profile(change: ProfileChange, caller: CurrentUser, db: Db, request: Request) -> ProfileView:
    """Changes the fields that are named and leaves the others."""
    wanted = change.model_dump(exclude_unset=True)
    before = await user(db, caller.id)
    audit.note(request, "user", caller.id, old={name: getattr(before, name) for name in wanted}, new=wanted)
    if wanted:
        await change_user(db, caller.id, **wanted)
    return profile(await user(db, caller.id))
