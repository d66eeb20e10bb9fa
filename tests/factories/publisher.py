"""A publisher of lists, played by a small HTTP server: it knows ETags and dates, and fails as it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


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

    class Door(BaseHTTPRequestHandler):
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

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/SDN.XML"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
