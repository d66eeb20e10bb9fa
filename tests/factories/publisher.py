"""A publisher of lists, played by a small HTTP server: it knows ETags and dates, and fails as it is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.factories.http_double import Silent, serving


@dataclass
class Publisher:
    """What is published, and who asked for it. `status` other than 200 is answered instead; `cut` bytes are held back
    of what was announced."""

    url: str = ""
    content: bytes = b""
    etag: str = '"1"'
    status: int = 200
    cut: int = 0
    asked: list[dict[str, str]] = field(default_factory=list)
    answered: list[int] = field(default_factory=list)


@contextmanager
def publisher() -> Iterator[Publisher]:
    """A running double, and the way to tell it what to publish."""
    state = Publisher()

    class Answering(Silent, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(dict(self.headers))
            status = state.status
            if status == 200 and self.headers.get("If-None-Match") == state.etag:
                status = 304
            state.answered.append(status)
            self.send_response(status)
            body = state.content if status == 200 else b""
            self.send_header("ETag", state.etag)
            self.send_header("Last-Modified", "Fri, 20 Nov 2026 08:00:00 GMT")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) - state.cut] if state.cut else body)
            self.close_connection = bool(state.cut)

    with serving(Answering) as address:
        state.url = f"{address}/SDN.XML"
        yield state
