"""Routes of this API: one request is one transaction, committed before its answer is sent.

`feature("wires")` makes a router whose operations
- read their body as JSON without floats, and refuse it before anything else is done (413, 415, 422);
- run in one transaction, which `api.deps.Db` opens on first use. It is committed when the handler has returned and
  its audit line is written, so a commit that fails is an error answer and never a lost one; an error rolls it back;
- are audited where they change something, or where `audit.disclosing` says that they hand something out;
- replay the first answer to an idempotency key (`api.idempotency`);
- may return a pydantic model, which is written with exact decimals (`api.answers`);
- nudge the outbox dispatcher after the commit, if something was enqueued.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from email.message import Message
from typing import Any, Final

from fastapi import APIRouter, Request, Response, params
from fastapi.routing import APIRoute
from starlette.routing import Match
from starlette.types import Scope

from api import audit, idempotency
from api.answers import answer, read_json
from api.errors import BodyTooLarge, UnsupportedMediaType, documented
from api.parts import begin_work, parts_of
from models.tables.outbox import has_enqueued

PREFIX: Final = "/api/v1"
BODY_LIMIT: Final = 1024 * 1024


class JsonRequest(Request):
    """A request with a bounded body and no floats in it. `Route` has read it before FastAPI asks for it."""

    async def body(self) -> bytes:
        """The bytes of the body. Raises `BodyTooLarge`, before reading more than it has to."""
        if not hasattr(self, "_body"):
            announced = self.headers.get("content-length", "")
            if announced.isdecimal() and len(announced) < 20 and int(announced) > BODY_LIMIT:
                raise BodyTooLarge(f"A body has at most {BODY_LIMIT} bytes")
            chunks: list[bytes] = []
            size = 0
            async for chunk in self.stream():
                size += len(chunk)
                if size > BODY_LIMIT:
                    raise BodyTooLarge(f"A body has at most {BODY_LIMIT} bytes")
                chunks.append(chunk)
            self._body = b"".join(chunks)
        return self._body

    async def json(self) -> Any:
        """The body. Raises `Malformed`."""
        if not hasattr(self, "_json"):
            self._json = read_json(await self.body())
        return self._json


class Route(APIRoute):
    """An operation with the properties that the module's docstring names."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        status = options.get("status_code") or 200
        options["responses"] = {**documented(422, 429, 503), **(options.get("responses") or {})}
        super().__init__(path, _answering(endpoint, status), **options)
        if self._takes_json:
            self.responses.update({**documented(413, 415), **self.responses})

    @property
    def _takes_json(self) -> bool:
        return self.body_field is not None and not isinstance(self.body_field.field_info, params.Form)

    @property
    def action(self) -> str:
        """What the audit log calls it."""
        return f"{self.tags[0]}.{self.name}" if self.tags else self.name

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI, inside a transaction."""
        carry_out = super().get_route_handler()
        action = self.action
        discloses = getattr(self.endpoint, "discloses", False)

        async def handle(received: Request) -> Response:
            request = JsonRequest(received.scope, received.receive)
            attempt = audit.attempt_of(request)
            attempt.action, attempt.discloses = action, discloses
            if self._takes_json:
                await _check_body(request)
            return await in_one_transaction(request, carry_out)

        return handle


class Feature(APIRouter):
    """The operations under one address. They are compared with requests to it alone, not with every request."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether one of them serves a request."""
        # Behind a proxy that takes a part of the address off, the prefix is not where the path begins.
        if self.prefix not in scope["path"]:
            return Match.NONE, {}
        return super().matches(scope)


def feature(name: str, *, prefix: str | None = None, route_class: type[APIRoute] = Route) -> APIRouter:
    """A router for the feature `name`, at `/api/v1/<name>` unless `prefix` says otherwise."""
    return Feature(
        prefix=PREFIX + (f"/{name}" if prefix is None else prefix),
        tags=[name],
        route_class=route_class,
    )


def _answering(endpoint: Callable[..., Awaitable[Any]], status: int) -> Callable[..., Awaitable[Response]]:
    @functools.wraps(endpoint)
    async def answering(*args: Any, **kwargs: Any) -> Response:
        result = await endpoint(*args, **kwargs)
        return result if isinstance(result, Response) else answer(result, status)

    return answering


async def _check_body(request: JsonRequest) -> None:
    if not await request.body():
        return
    require_json(request)
    await request.json()


def require_json(request: Request) -> None:
    """Raises `UnsupportedMediaType` for a body that does not say that it is JSON."""
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    subtype = message.get_content_subtype()
    if message.get_content_maintype() != "application" or not (subtype == "json" or subtype.endswith("+json")):
        raise UnsupportedMediaType("The body of this request is application/json")


async def in_one_transaction(
    request: JsonRequest, carry_out: Callable[[Request], Coroutine[Any, Any, Response]]
) -> Response:
    """Carries a request out, and answers once all of it is committed; what it did elsewhere is taken back if not."""
    attempt, work = audit.attempt_of(request), begin_work(request)
    try:
        async with work.stack:
            try:
                response = await carry_out(request)
                await idempotency.keep(request, response)
            except idempotency.Replay as replay:
                response = replay.response
            if attempt.audited:
                await audit.record(await work.opened(), attempt, response.status_code)
            work.ending = True
    except BaseException as error:
        # A caller who hangs up cancels this too, and what is taken back has to be taken back.
        await asyncio.shield(work.take_back(error))
        raise
    # Not before: a commit that failed has taken the line with it.
    attempt.recorded = attempt.audited
    if work.session is not None and has_enqueued(work.session):
        parts_of(request.scope).dispatcher.nudge()
    return response
