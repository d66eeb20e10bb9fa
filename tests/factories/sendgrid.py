"""SendGrid's door, played by a small HTTP server: it writes down what it is given and answers as it is told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.factories.http_double import Silent, serving

KEY = "SG.a-key-for-tests.that-opens-nothing"


@dataclass(frozen=True)
class Asked:
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Answers:
    """What the next requests are answered: a status with a body, or `None`: the connection ends without an answer.

    `silence` is for answers that come too late: nobody is answered before it is set. Without plans: 202.
    """

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    plan: list[tuple[int, Any] | None] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    silence: threading.Event | None = None


@contextmanager
def sendgrid() -> Iterator[Answers]:
    """A running double, and the way to tell it what to answer."""
    answers = Answers()

    class Answering(Silent, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def do_GET(self) -> None:
            self._answer(b"")

        def _answer(self, raw: bytes) -> None:
            answers.asked.append(Asked(self.command, self.path, dict(self.headers), json.loads(raw or b"null")))
            if answers.silence is not None:
                answers.silence.wait(30)
            planned = answers.plan.pop(0) if answers.plan else (202, None)
            if planned is None:
                self.close_connection = True
                return
            status, body = planned
            written = b"" if body is None else json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(written)), **answers.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(written)

    with serving(Answering) as address:
        answers.url = address
        try:
            yield answers
        finally:
            if answers.silence is not None:
                answers.silence.set()
