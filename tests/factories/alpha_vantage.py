"""Alpha Vantage's door, played by a small HTTP server: errors come with 200, as theirs do, and are told by words."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.factories.http_double import Silent, serving

KEY = "KEYOFTESTS0000"


@dataclass
class Door:
    """What is answered: of `plan` in turn, then by function. A string is a body that is no JSON."""

    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)
    plan: list[Any] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    silence: threading.Event | None = None
    heard: threading.Event = field(default_factory=threading.Event)

    def functions(self) -> list[str]:
        """What was asked for, in order."""
        return [one["function"] for one in self.asked]


@contextmanager
def alpha_vantage() -> Iterator[Door]:
    """A running double, and the way to tell it what to answer."""
    door = Door()

    class Answering(Silent, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = dict(parse_qsl(urlsplit(self.path).query))
            door.asked.append(asked)
            door.heard.set()
            if door.silence is not None:
                door.silence.wait(30)
            body = door.plan.pop(0) if door.plan else door.answers.get(asked["function"], {})
            written = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(door.status)
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

    with serving(Answering) as address:
        door.url = f"{address}/query"
        try:
            yield door
        finally:
            if door.silence is not None:
                door.silence.set()
