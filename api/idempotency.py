"""`Idempotency-Key`: the same request sent twice is carried out once, and answered twice with the same bytes.

A POST that moves money or starts a process takes the key by a parameter of its handler, after the caller:

    @router.post("", status_code=201)
    async def create_wire(order: WireOrder, db: Db, user: ..., key: IdempotencyKey, request: Request) -> WireView: ...

That is all. The key is written first in the request's own transaction and the answer last, so they stay or vanish with
what was done:
- same key, same body: the first answer again, byte for byte, with the header `Idempotent-Replayed: true`;
- same key, other body or other route: 409 `idempotency_conflict`;
- the same at the same moment: the second waits for the first, and then replays it;
- a first request that was refused or failed left nothing behind, so its key is free and the request is tried anew.

Keys belong to their person: two customers may use the same one. They are kept at least 24 hours.
"""

import hashlib
import json
from typing import Annotated, Final

from fastapi import Depends, Header, Request, Response
from sqlalchemy import text

from api import audit
from api.deps import CurrentUser, Db
from api.parts import work_of
from models.errors import IdempotencyConflict

_CLAIM: Final = text(
    "INSERT INTO idempotency_keys (user_id, key, route, request_hash) VALUES (:user_id, :key, :route, :request_hash)"
    " ON CONFLICT DO NOTHING RETURNING true"
)
_FIRST: Final = text(
    "SELECT route, request_hash, status, answer FROM idempotency_keys WHERE user_id = :user_id AND key = :key"
)
_KEEP: Final = text(
    "UPDATE idempotency_keys SET status = :status, answer = :answer WHERE user_id = :user_id AND key = :key"
)
REPLAYED: Final = "replayed"


class Replay(Exception):
    """Not an error, but the way out: this request was carried out before, and `response` is what it was answered."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


async def _claim(
    request: Request,
    user: CurrentUser,
    db: Db,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=200,
            pattern=r"^[\x20-\x7e]+$",
            description="Makes a repetition of this request harmless: the first answer is given again.",
        ),
    ] = None,
) -> str | None:
    if key is None:
        return None
    claim = {
        "user_id": user.id,
        "key": key,
        "route": f"{request.method} {request.url.path}",
        "request_hash": _hash(await request.json() if await request.body() else None),
    }
    # Waits here while another transaction holds the same key.
    if (await db.execute(_CLAIM, claim)).scalar_one_or_none():
        work_of(request).idempotency_key = key
        return key
    first = (await db.execute(_FIRST, claim)).one()
    if (first.route, bytes(first.request_hash)) != (claim["route"], claim["request_hash"]):
        raise IdempotencyConflict("This idempotency key was used for a request with other content")
    audit.attempt_of(request).code = REPLAYED
    raise Replay(Response(first.answer, first.status, {"Idempotent-Replayed": "true"}, "application/json"))


IdempotencyKey = Annotated[str | None, Depends(_claim)]


async def keep(request: Request, response: Response) -> None:
    """Keeps `response` as the answer to the request's key, if it claimed one."""
    work = work_of(request)
    if work.idempotency_key is None:
        return
    session = await work.opened()
    await session.execute(
        _KEEP,
        {
            "user_id": audit.attempt_of(request).principal.user_id,
            "key": work.idempotency_key,
            "status": response.status_code,
            "answer": bytes(response.body).decode(),
        },
    )


def _hash(body: object) -> bytes:
    # Over the meaning: whitespace and the order of members make no other request. Digits do: 1.0 is not 1.00.
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).digest()
