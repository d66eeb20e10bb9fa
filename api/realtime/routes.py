"""Where sockets are opened, and what was missed by who had none open (contract §9)."""

from typing import Annotated, Final

from fastapi import Query
from pydantic import BaseModel, Field, StringConstraints
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from api.deps import CurrentUser, Db
from api.errors import documented
from api.realtime.server import Realtime
from api.realtime.shapes import Told, told
from api.routing import feature
from models.realtime import Viewer
from models.tables import realtime
from models.tables.realtime import Cursor

router = feature("events")

_EventId = Annotated[int, Query(ge=0, le=2**63 - 1, description="The `event_id` that you were told of last.")]
_Place = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,19}-[0-9]{1,18}$")]


class Missed(BaseModel):
    """Events, oldest first. `complete` is false where `after` is not known any more: then read your lists anew."""

    data: list[Told]
    complete: bool
    next_cursor: str | None = Field(description="There is more: give it as `cursor`, beside the same `after`.")


@router.get("", summary="Read the events that you have missed", responses=documented(401))
async def read_events(
    caller: CurrentUser,
    db: Db,
    after: _EventId | None = None,
    cursor: Annotated[_Place | None, Query(description="`next_cursor` of the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
) -> Missed:
    """What sockets tell, of the last seven days: of your own alerts, wires and reviews, or of the cases that your
    permissions let you read. Open the socket first and read this then, so that nothing falls between; what happened at
    the same time as `after` can be told twice, by the same `event_id`."""
    place = Cursor(*map(int, cursor.split("-"))) if cursor else Cursor()
    complete = after is None or await realtime.known(db, after)
    events, more = await realtime.missed(db, after=after, cursor=place, limit=limit)
    viewer = Viewer(id=caller.id, role=caller.role, permissions=caller.permissions)
    return Missed(
        data=[told(event, viewer) for event in events],
        complete=complete,
        next_cursor=f"{more.xact}-{more.id}" if more else None,
    )


def provide(app: Starlette, sockets: Realtime) -> None:
    """Makes `sockets` serve the sockets of `app`."""
    app.state.realtime = sockets


async def _serve(scope: Scope, receive: Receive, send: Send) -> None:
    # The route that metrics and logs name.
    scope["route"] = SOCKETS
    sockets = scope["app"].state.realtime
    assert isinstance(sockets, Realtime)
    await sockets.serve(scope, receive, send)


SOCKETS: Final = Mount("/socket.io", app=_serve)
