"""The codec endpoint of the Temporal UI: payloads that Temporal keeps sealed, opened for an operator (contract §12).

The remote codec protocol of Temporal: `POST /codec/decode` with `{"payloads": [...]}` as Temporal writes payloads in
JSON, and the namespace in `X-Namespace`. The page of the UI is of another origin, which may call this and nothing else
(`api.protection`); the browser gives the cookie of the console along, so whoever is signed in there reads payloads, and
whoever is not sees that they are sealed. A program brings an access token instead.

What does not open here goes back as it came, so that one old payload does not hide a page of others.
"""

import re
from base64 import b64encode
from typing import Annotated, Any, Final
from urllib.parse import unquote, urlsplit

from fastapi import Header, Request, Response
from fastapi.security import HTTPAuthorizationCredentials
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio.api.common.v1 import Payload

from api import audit
from api.answers import answer
from api.console.visits import COOKIE, Refused, Visit
from api.deps import Bearer, Configuration, Db, signed_in_person
from api.errors import documented
from api.routing import Feature, Route
from infra.crypto import FieldUnreadable
from infra.payloads import ENCODING, SealedPayloads
from infra.settings import Settings
from models.auth import Permission, Role
from models.errors import Forbidden, NotAuthenticated, PermissionMissing

PREFIX: Final = "/codec"
# One page of the UI asks for the payloads of a history's events, a hundred at most.
MOST_PAYLOADS: Final = 1000
_SEALED: Final = b64encode(ENCODING).decode()
_PERMISSION: Final = Permission.ADMIN_SYSTEM
_LONGEST_ID: Final = 200
_WORKFLOW: Final = re.compile(r"/workflows/([^/]+)")

router = Feature(prefix=PREFIX, tags=["codec"], route_class=Route)


class EncodingRefused(Forbidden):
    """Nobody seals a payload from outside: a process is started and woken by the bank's own rows."""

    code = "encoding_refused"
    title = "Payloads are not encoded here"


class JsonPayload(BaseModel):
    """A payload as Temporal writes it in JSON: bytes in base64. Ours have no parts that lie elsewhere."""

    metadata: dict[str, str] = Field(default={}, examples=[{"encoding": _SEALED}])
    data: str = Field(default="", examples=["AQE="])


class Payloads(BaseModel):
    """Some payloads. They come back in the same order, as many as were sent."""

    payloads: list[JsonPayload] = Field(max_length=MOST_PAYLOADS)


def ui_origin(settings: Settings) -> str:
    """The origin of the Temporal UI, as browsers name it."""
    parts = urlsplit(settings.temporal_ui_url)
    return f"{parts.scheme}://{parts.netloc}"


Namespace = Annotated[
    str, Header(alias="X-Namespace", min_length=1, max_length=255, description="Of the payloads.", examples=["default"])
]


@router.post(
    "/decode", summary="Open payloads for the Temporal UI", response_model=Payloads, responses=documented(401, 403)
)
async def decode(
    request: Request, token: Bearer, db: Db, settings: Configuration, asked: Payloads, namespace: Namespace
) -> Response:
    """Opens what is sealed with a key of ours for this namespace; the rest comes back as it was. Each call is audited:
    who, how many payloads, and the workflow where the UI tells it."""
    visit = _visit(request, token, settings)
    await _operator(request, token or await _renewed(visit), db)
    codec = SealedPayloads.of(settings)
    ours = asked.payloads if namespace == settings.temporal_namespace else []
    sealed = [one for one in ours if one.metadata.get("encoding") == _SEALED]
    opened = {id(one): found for one in sealed if (found := _opened(codec, one)) is not None}
    counted = {"payloads": len(asked.payloads), "opened": len(opened), "left_sealed": len(sealed) - len(opened)}
    audit.note(request, "payloads", _workflow(request) or namespace, new=counted)
    answered = answer({"payloads": [opened.get(id(one)) or one.model_dump() for one in asked.payloads]})
    if visit is not None:
        # The UI asks by itself every few seconds, which is nobody's presence at the console.
        visit.stamp(answered, present=False)
    return answered


@router.post("/encode", summary="Seal payloads: refused", response_model=Payloads, responses=documented(401, 403))
async def encode(
    request: Request, token: Bearer, db: Db, settings: Configuration, asked: Payloads, namespace: Namespace
) -> Response:
    """Part of the protocol, and refused to everybody: with it a process could be started or told something past the
    bank's own rows, audit and four eyes. A wake has no content and needs no sealing."""
    visit = _visit(request, token, settings)
    await _operator(request, token or _token_of(visit), db)
    audit.note(request, "payloads", _workflow(request) or namespace, new={"payloads": len(asked.payloads)})
    raise EncodingRefused(
        "Processes are started and woken by the bank's own records. Act in the console or by the API, not in Temporal"
    )


def _visit(request: Request, token: HTTPAuthorizationCredentials | None, settings: Settings) -> Visit | None:
    """Who is at the console, where a request has its cookie and no token."""
    if token is not None or COOKIE not in request.cookies:
        return None
    # A cookie is sent whoever wrote the page, so the page has to be the UI's.
    if request.headers.get("origin") != ui_origin(settings):
        raise Forbidden("The console's cookie is taken from pages of the Temporal UI alone")
    return Visit(request)


async def _renewed(visit: Visit | None) -> HTTPAuthorizationCredentials | None:
    """The access token of a visit, renewed where it has run out; the answer has to take the new cookie along. So who
    will be refused anyway keeps what they have."""
    if visit is not None and visit.may(_PERMISSION):
        try:
            await visit.fresh()
        except Refused:
            return None
    return _token_of(visit)


def _token_of(visit: Visit | None) -> HTTPAuthorizationCredentials | None:
    if visit is None or visit.badge is None:
        return None
    return HTTPAuthorizationCredentials(scheme="Bearer", credentials=visit.badge.access)


async def _operator(request: Request, token: HTTPAuthorizationCredentials | None, db: AsyncSession) -> None:
    """Raises `NotAuthenticated`, `PermissionMissing` for whoever may not read payloads."""
    try:
        caller = await signed_in_person(request, token, db)
    except NotAuthenticated:
        # The UI of somebody who is not signed in asks a dozen times for each page. Nothing is handed out, and nobody is
        # there to be named: it is in the log of requests, and would bury what the audit log is for.
        audit.attempt_of(request).action = None
        raise
    if caller.role == Role.CUSTOMER or _PERMISSION not in caller.permissions:
        raise PermissionMissing(f"This needs the permission {_PERMISSION}", permission=_PERMISSION)


def _opened(codec: SealedPayloads, sealed: JsonPayload) -> dict[str, Any] | None:
    """A payload, opened; None where it does not open."""
    try:
        payload = ParseDict({"metadata": sealed.metadata, "data": sealed.data}, Payload())
        found: dict[str, Any] = MessageToDict(codec.opened(payload))
    except (ParseError, FieldUnreadable):
        return None
    return found


def _workflow(request: Request) -> str | None:
    """Which workflow the page shows that asks. The UI does not say it, and a browser names the page behind a request
    where the UI is of our own origin alone."""
    found = _WORKFLOW.search(urlsplit(request.headers.get("referer", "")).path)
    return unquote(found[1])[:_LONGEST_ID] if found else None
