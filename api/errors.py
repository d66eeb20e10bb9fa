"""Refusals and failures as HTTP: every error answer is RFC 9457 `application/problem+json`, made here.

    Malformed 422 · RuleRefused 400 · NotAuthenticated 401 · Forbidden 403 · NotFound 404 · Conflict 409 ·
    BodyTooLarge 413 · UnsupportedMediaType 415 · RateLimited 429 and Unavailable 503 with Retry-After · anything
    unforeseen 500

Beside the standard members an answer has `code` (stable, callers may rely on it), `error` (the short title that a
person reads) and `request_id`. It never repeats what was sent, which may be a password, nor tells internals.
"""

from http import HTTPStatus
from typing import Any, ClassVar, Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from pydantic_core import PydanticCustomError
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api import audit
from api.answers import written_json
from models.errors import (
    AurumError,
    Conflict,
    Forbidden,
    Malformed,
    NotAuthenticated,
    NotFound,
    RateLimited,
    RuleRefused,
    Unavailable,
)

log = structlog.get_logger(__name__)

PROBLEM_JSON: Final = "application/problem+json"
RETRY_SECONDS: Final = 2


class BodyTooLarge(AurumError):
    """More bytes than any request of this route needs."""

    code: ClassVar[str] = "body_too_large"
    title: ClassVar[str] = "Body too large"


class UnsupportedMediaType(AurumError):
    """The body is not of the type that this route reads."""

    code: ClassVar[str] = "unsupported_media_type"
    title: ClassVar[str] = "Unsupported media type"


class InvalidRequest(Malformed):
    """One or more fields are missing or wrong; `errors` names them."""

    code: ClassVar[str] = "invalid_request"
    title: ClassVar[str] = "Invalid request"


# Branches of the tree, none inside another.
STATUSES: Final[dict[type[AurumError], int]] = {
    Malformed: 422,
    RuleRefused: 400,
    NotAuthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    BodyTooLarge: 413,
    UnsupportedMediaType: 415,
    RateLimited: 429,
    Unavailable: 503,
}


class FieldProblem(BaseModel):
    """What is wrong with one field of a request."""

    place: str = Field(description="body, path, query or header", examples=["body"])
    field: str = Field(examples=["recipient_address.town"])
    code: str = Field(examples=["missing"])
    message: str = Field(examples=["Field required"])


class Problem(BaseModel):
    """An error answer (RFC 9457). Some codes carry further members."""

    type: str = Field(examples=["urn:aurum:error:insufficient_funds"])
    title: str = Field(examples=["Insufficient funds"])
    status: int = Field(examples=[400])
    detail: str = Field(examples=["The available balance does not cover the amount and its fee"])
    code: str = Field(examples=["insufficient_funds"])
    error: str = Field(examples=["Insufficient funds"])
    request_id: str | None = Field(default=None, examples=["019a1b2c3d4e5f60718293a4b5c6d7e8"])
    errors: list[FieldProblem] | None = None


def status_of(error: AurumError) -> int:
    """The HTTP status of `error`, by the branch of the tree that it stands on."""
    for branch, status in STATUSES.items():
        if isinstance(error, branch):
            return status
    return 500


def problem(
    request: Request,
    status: int,
    code: str,
    title: str,
    detail: str,
    headers: dict[str, str] | None = None,
    **extra: Any,
) -> Response:
    """An error answer; notes its code for the audit log. Returned instead of raised, it lets the transaction commit."""
    attempt = audit.attempt_of(request)
    attempt.code = code
    members = _members(status, code, title, detail, extra) | {"request_id": attempt.request_id}
    headers = dict(headers or {})
    if status == HTTPStatus.UNAUTHORIZED:
        headers.setdefault("WWW-Authenticate", "Bearer")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", str(RETRY_SECONDS))
    return Response(written_json(members), status, headers, PROBLEM_JSON)


def members_of(error: AurumError) -> dict[str, Any]:
    """What an error answer for `error` says, for whoever does not answer by HTTP."""
    return _members(status_of(error), error.code, error.title, error.detail, error.extra)


def _members(status: int, code: str, title: str, detail: str, extra: dict[str, Any]) -> dict[str, Any]:
    return {
        **extra,
        "type": f"urn:aurum:error:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "error": title,
    }


def refusal(request: Request, error: AurumError) -> Response:
    """The answer for `error`. A handler returns it where the refusal itself changes something that has to stay."""
    headers = {"Retry-After": str(error.extra["retry_after"])} if "retry_after" in error.extra else None
    return problem(request, status_of(error), error.code, error.title, error.detail, headers, **error.extra)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The error answers of an operation for its OpenAPI entry."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }


def field_error(error: AurumError) -> PydanticCustomError:
    """`error` as a validator raises it, so that the answer names the field as well as the code."""
    # Braces would be read as placeholders.
    return PydanticCustomError(error.code, "{detail}", {"detail": error.detail})


def install(app: FastAPI) -> None:
    """Registers the handlers. What none of them knows is answered by `api.observation`."""
    app.add_exception_handler(AurumError, _aurum_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(DBAPIError, _database_error)
    app.add_exception_handler(PoolTimeout, _database_error)
    app.add_exception_handler(OSError, _database_error)
    app.add_exception_handler(ClientDisconnect, _disconnected)


async def _aurum_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AurumError)
    return refusal(request, error)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [_field_problem(item) for item in error.errors()]
    code, title, detail = InvalidRequest.code, InvalidRequest.title, "The request has fields that are missing or wrong"
    own = _named(problems[0].code) if len(problems) == 1 else None
    if own is not None:
        code, title, detail = own.code, own.title, problems[0].message
    return problem(request, 422, code, title, detail, errors=[item.model_dump() for item in problems])


def _named(code: str) -> type[Malformed] | None:
    return next((leaf for leaf in Malformed.__subclasses__() if leaf.code == code), None)


def _field_problem(item: dict[str, Any]) -> FieldProblem:
    place, *path = (str(part) for part in item["loc"])
    message = str(item["msg"]).encode("utf-8", "replace").decode()
    return FieldProblem(place=place, field=".".join(path), code=str(item["type"]), message=message)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    match error.status_code:
        case 404:
            return problem(request, 404, NotFound.code, NotFound.title, "There is nothing at this address")
        case 405:
            headers = dict(error.headers or {})
            detail = f"This address takes {headers.get('Allow', 'other methods')}"
            return problem(request, 405, "method_not_allowed", "Method not allowed", detail, headers)
        case 413:
            return refusal(request, BodyTooLarge())
        case 400:
            return refusal(request, Malformed("The body could not be read"))
        case status:
            phrase = HTTPStatus(status).phrase
            return problem(request, status, phrase.lower().replace(" ", "_"), phrase, phrase)


async def _database_error(request: Request, error: Exception) -> Response:
    known = translated(error)
    if known is None:
        raise error
    if isinstance(known, Unavailable):
        log.warning("database.unavailable", kind=type(error).__name__)
    elif isinstance(error, IntegrityError):
        # A rule of the database that no code of ours said first: the caller is told, and so are we.
        log.warning("database.refused", sqlstate=_sqlstate(error))
    return refusal(request, known)


def _sqlstate(error: Exception) -> str:
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def translated(error: Exception) -> AurumError | None:
    """What an error of the database or of the way to it is for the caller; None for a mistake of ours."""
    state = _sqlstate(error)
    # Ours (AU1xx, the guards and deferred constraints of the schema), and integrity constraints.
    if state.startswith("AU") or state[:2] == "23":
        return Conflict("The books or the state of this thing do not allow it")
    # Row level security and column rights.
    if state == "42501":
        return Forbidden()
    # Data exceptions: text with U+0000, a number out of range, an impossible date.
    if state[:2] == "22" or type(getattr(error, "orig", None)).__name__ == "DataError":
        return Malformed("A value cannot be stored")
    if isinstance(error, PoolTimeout | OperationalError | InterfaceError | OSError) or getattr(
        error, "connection_invalidated", False
    ):
        # Whether a commit that was under way has counted is not known: an idempotency key makes trying again safe.
        return Unavailable("The database does not answer; try again in a moment")
    return None


async def _disconnected(request: Request, _: Exception) -> Response:
    # Nobody reads this answer; it exists so that a caller who hangs up is no failure of ours.
    return refusal(request, Malformed("The request ended before its body did"))
