"""What sockets take and tell, for the description of the API: each event with an example, and a section of the page."""

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel

from api.errors import Problem
from api.market.routes import QuoteView
from api.realtime.shapes import (
    AlertTriggered,
    Authenticated,
    Dropped,
    Following,
    KycUpdate,
    Subscribed,
    Token,
    Wanted,
    WireUpdate,
)

TITLE: Final = "Sockets"
WORDS: Final = (
    "Socket.IO at /socket.io, with an access token as auth: { token }. Each event that you send is acknowledged: "
    "with what was accepted, or with an error of the shape that every error here has. Whoever may not come in is "
    "told why by the data of connect_error; before the bank ends a socket (the token is over, the session has "
    "ended, somebody is frozen) it tells why by closing. Alerts and cases are told once to each socket. After a "
    "reconnect, open the socket first and read what you have missed at GET /api/v1/events, from the event_id that "
    "you were told last. Prices are the newest ones: a client that reads slowly is told fewer of them. With "
    "several processes of the API behind one address, a client that polls has to stay with one of them; "
    "transports: ['websocket'] need not."
)


@dataclass(frozen=True)
class Event:
    """An event. `sent`: what its sender says; `answer`: its acknowledgement, where clients send it."""

    name: str
    summary: str
    sent: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None


TAKEN: Final = (
    Event(
        "subscribe_quotes",
        "Follow prices: an array of symbols, or an object that says more",
        Wanted,
        Following,
    ),
    Event("unsubscribe_quotes", "Follow these no longer; without an argument, none", Dropped, Following),
    Event("subscribe_alerts", "Be told when an alert of yours fires", None, Subscribed),
    Event("unsubscribe_alerts", "Be told of alerts no longer", None, Subscribed),
    Event("authenticate", "Stay for as long as a newer token of the same session lasts", Token, Authenticated),
)
TOLD: Final = (
    Event(
        "quote_update",
        "A price that you follow, twice a second at most; a list of them if you asked so",
        QuoteView,
    ),
    Event("alert_triggered", "An alert of yours has fired", AlertTriggered),
    Event("case_update", "A wire is in another state: yours, or as an officer any", WireUpdate),
    Event("case_update", "A review is in another state: yours, or as an officer any", KycUpdate),
    Event("closing", "Why the bank ends the socket", Problem),
)


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of what `model` says over a socket."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    # Over a socket the name of the event is not among its members.
    if schema.get("properties", {}).pop("event", None):
        schema["required"] = [name for name in schema.get("required", ()) if name != "event"]
    return schema


def document() -> dict[str, Any]:
    """The events as a part of the OpenAPI document, which has no words of its own for them."""

    def told(event: Event) -> dict[str, Any]:
        parts = {"sent": event.sent, "answer": event.answer}
        named = {name: schema_of(model) for name, model in parts.items() if model is not None}
        return {"event": event.name, "summary": event.summary, **named}

    return {
        "path": "/socket.io",
        "description": WORDS,
        "clientToServer": [told(event) for event in TAKEN],
        "serverToClient": [told(event) for event in TOLD],
    }
