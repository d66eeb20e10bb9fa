"""What handlers ask for by annotation: the request's transaction, and the person it acts for.

    async def read(db: Db, user: CurrentUser) -> ...
    async def approve(db: Db, officer: Annotated[Caller, Staff("wires:approve")]) -> ...

`db` has the rights of the signed-in person in the database itself: row level security shows nothing else. A handler
that asks for `db` without a person sees no row of the bank.
"""

from typing import Annotated, Any, Final

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from fastapi.security.base import SecurityBase
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from api import audit
from api.parts import parts_of, work_of
from infra.database import Principal, assume, transaction
from infra.passwords import Passwords
from infra.settings import Settings
from models.auth import Role
from models.errors import NotAuthenticated, PermissionMissing
from models.tables.auth import Caller, authenticate

_BEARER = HTTPBearer(bearerFormat="JWT", auto_error=False, description="An access token from `/auth/login`.")


async def _engine(request: Request) -> AsyncEngine:
    return parts_of(request.scope).engine


async def _settings(request: Request) -> Settings:
    return parts_of(request.scope).settings


async def _passwords(request: Request) -> Passwords:
    return parts_of(request.scope).passwords


async def _database(request: Request) -> AsyncSession:
    return await work_of(request).opened()


Engine = Annotated[AsyncEngine, Depends(_engine)]
Configuration = Annotated[Settings, Depends(_settings)]
Hashing = Annotated[Passwords, Depends(_passwords)]
Db = Annotated[AsyncSession, Depends(_database)]


# The token as it was sent: for what has to look at something else before it takes a connection.
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]


async def signed_in_person(
    request: Request, credentials: HTTPAuthorizationCredentials | None, db: AsyncSession
) -> Caller:
    """The person of an access token, whose the transaction becomes. Raises `NotAuthenticated`, `BadToken`."""
    if credentials is None:
        raise NotAuthenticated("This needs an access token: Authorization: Bearer …")
    parts, attempt, token = parts_of(request.scope), audit.attempt_of(request), credentials.credentials
    if parts.external is not None and parts.external.tokens.issued(token):
        claims = await parts.external.claims(parts.engine, attempt, token)
    else:
        claims = parts.tokens.read(token)
    caller = await authenticate(db, claims)
    attempt.principal = Principal(user_id=caller.id, role=caller.role, permissions=caller.permissions)
    attempt.session_id = caller.session_id
    return caller


async def early_caller(request: Request) -> Caller:
    """Whose request it is, before anything of its body is read and without a transaction that stays open.

    Raises as `signed_in_person` does.
    """
    async with transaction(parts_of(request.scope).engine) as db:
        return await signed_in_person(request, await _BEARER(request), db)


class SignedIn(SecurityBase):
    """The access token as the API's description has it, answering with its person.

    It asks for the token and the transaction itself: FastAPI walks a tree of dependencies again in every request.
    """

    model, scheme_name = _BEARER.model, _BEARER.scheme_name

    async def __call__(self, request: Request) -> Caller:
        """Whose request it is. Raises as `signed_in_person` does."""
        return await signed_in_person(request, await _BEARER(request), await work_of(request).opened())


signed_in: Final = SignedIn()
CurrentUser = Annotated[Caller, Depends(signed_in)]


def Requires(permission: str) -> Any:  # noqa: N802 # reads as the annotation that it is
    """A dependency: the signed-in person, if they have `permission`. Raises `PermissionMissing`."""

    async def permitted(user: CurrentUser) -> Caller:
        if permission not in user.permissions:
            raise PermissionMissing(f"This needs the permission {permission}", permission=permission)
        return user

    return Depends(permitted)


def Staff(permission: str) -> Any:  # noqa: N802 # reads as the annotation that it is
    """A dependency: the signed-in person, if they are staff and have `permission`. Raises `PermissionMissing`."""

    async def permitted(user: Annotated[Caller, Requires(permission)]) -> Caller:
        if user.role == Role.CUSTOMER:
            raise PermissionMissing("This is for the bank's staff", permission=permission)
        return user

    return Depends(permitted)


def StaffWithAny(*permissions: str) -> Any:  # noqa: N802 # reads as the annotation that it is
    """A dependency: the signed-in person, if they are staff with one of `permissions`. Raises `PermissionMissing`."""

    async def permitted(user: CurrentUser) -> Caller:
        if user.role == Role.CUSTOMER or not user.permissions & set(permissions):
            raise PermissionMissing(
                f"This needs one of the permissions {', '.join(permissions)}", permission=permissions[0]
            )
        return user

    return Depends(permitted)


async def act_as(request: Request, db: AsyncSession, principal: Principal) -> None:
    """Makes the rest of the request `principal`'s, in the database and in the audit log: for sign-in code alone."""
    await assume(db, principal)
    audit.attempt_of(request).principal = principal
