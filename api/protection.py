"""Headers that keep a browser from doing what this API never means (ASVS 5.0 3.4), and who may call it from a page."""

from collections.abc import Sequence
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

# A page that shows more says so itself, as `api.documentation` does.
_STRICT: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# Two years, as preload lists ask for.
_TRANSPORT: Final = "max-age=63072000; includeSubDomains"
_PREFLIGHT_SECONDS: Final = 600


class Protection:
    """The headers of every answer. What an answer says itself stays."""

    def __init__(self, public_url: str) -> None:
        """`public_url`: the address under which people reach the API; HSTS is told where it is https."""
        headers = dict(_STRICT)
        if public_url.startswith("https://"):
            headers["Strict-Transport-Security"] = _TRANSPORT
        # As ASGI writes headers, so that an answer takes them as they are.
        self._headers = Headers(headers).raw

    def complete(self, headers: MutableHeaders) -> None:
        """Adds what is missing."""
        said = {name for name, _ in headers.raw}
        headers.raw.extend(header for header in self._headers if header[0] not in said)


class CrossOrigin:
    """What pages of other origins may call: those that the settings name the API, without cookies, and the Temporal
    UI's, with the console's cookie, the codec alone."""

    def __init__(self, app: ASGIApp, origins: Sequence[str], codec: str, ui_origin: str) -> None:
        """`codec`: under which path the codec is; `ui_origin`: whose pages may call it."""
        self._api = cors(app, origins) if origins else app
        self._codec_path = f"{codec}/"
        self._codec = CORSMiddleware(
            app,
            allow_origins=[ui_origin],
            allow_methods=["POST"],
            # `Authorization-Extras`: what the UI sends beside a token.
            allow_headers=["Authorization", "Authorization-Extras", "Content-Type", "X-Namespace"],
            allow_credentials=True,
            max_age=_PREFLIGHT_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        of_codec = scope["type"] == "http" and scope["path"].startswith(self._codec_path)
        await (self._codec if of_codec else self._api)(scope, receive, send)


def cors(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """`app`, callable from pages of exactly these `origins`. Without cookies: a caller brings a token or is nobody."""
    return CORSMiddleware(
        app,
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "PUT", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID"],
        expose_headers=["Idempotent-Replayed", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID"],
        allow_credentials=False,
        max_age=_PREFLIGHT_SECONDS,
    )
