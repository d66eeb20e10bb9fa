"""What the worker tells over HTTP: its metrics, whether it lives, and whether it takes work.

In a thread of its own, so that it answers while the worker is busy; a probe that goes through the worker's event loop
tells when that hangs.
"""

import asyncio
import hmac
from collections.abc import Callable, Iterable
from http import HTTPStatus
from threading import Thread
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, ThreadingWSGIServer
from pydantic import SecretStr

_HANGS_SECONDS: Final = 5.0
_TEXT: Final = "text/plain; charset=utf-8"
_Answer = tuple[HTTPStatus, str, bytes]


def shows(token: SecretStr, authorization: str | None) -> bool:
    """Whether a header shows `token` (`Bearer …`), compared in a time that tells nothing of it."""
    scheme, _, given = (authorization or "").partition(" ")
    expected = token.get_secret_value().encode()
    return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), expected)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: a line for every look would be most of the log."""


class Exposition:
    """A small server at `address` (host:port), over what `registry` holds.

    `/metrics` wants `token` where there is one; `/health` answers 200 while the event loop does; `/ready` while
    `takes_work` says so.
    """

    def __init__(
        self, address: str, registry: CollectorRegistry, token: SecretStr | None, takes_work: Callable[[], bool]
    ) -> None:
        """Listens at once. Raises `OSError` where the address is taken or not ours."""
        self._registry = registry
        self._token = token
        self._takes_work = takes_work
        self._loop = asyncio.get_running_loop()
        host, _, port = address.rpartition(":")
        self._server = make_server(host.strip("[]"), int(port), self._serve, ThreadingWSGIServer, _Quiet)
        self._thread = Thread(target=self._server.serve_forever, name="exposition", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _serve(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status, kind, body = self._answer(environ)
        start_response(f"{status.value} {status.phrase}", [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    def _answer(self, environ: dict[str, Any]) -> _Answer:
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return HTTPStatus.METHOD_NOT_ALLOWED, _TEXT, b"this address takes GET\n"
        match environ["PATH_INFO"]:
            case "/metrics":
                return self._metrics(environ.get("HTTP_AUTHORIZATION"))
            case "/health":
                return _verdict(self._lives())
            case "/ready":
                return _verdict(self._takes_work())
        return HTTPStatus.NOT_FOUND, _TEXT, b"there are /metrics, /health and /ready\n"

    def _metrics(self, authorization: str | None) -> _Answer:
        if self._token is not None and not shows(self._token, authorization):
            return HTTPStatus.UNAUTHORIZED, _TEXT, b"this address wants a token\n"
        return HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self._registry)

    def _lives(self) -> bool:
        asked = asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop)
        try:
            asked.result(_HANGS_SECONDS)
        except TimeoutError:
            return False
        return True


def _verdict(good: bool) -> _Answer:
    if good:
        return HTTPStatus.OK, _TEXT, b"ok\n"
    return HTTPStatus.SERVICE_UNAVAILABLE, _TEXT, b"not now\n"
