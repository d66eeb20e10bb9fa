"""Pages: templates, the headers that they need, and routes that turn a refusal of the API into a page."""

from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import FormData
from starlette.responses import HTMLResponse, RedirectResponse

from api.console.visits import Refused, Visit, over
from api.parts import parts_of

HOME: Final = "/console"
SIGN_IN: Final = f"{HOME}/sign-in"
# Everything from here, nothing inline, no frame. `htmx` is told to make neither styles nor code.
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# What a browser says of requests from here, and of an address that was typed or followed from elsewhere.
_OWN_SITES: Final = frozenset({"same-origin", "none"})
_LONGEST_FORM: Final = 64 * 1024


def moment(value: str | datetime | None) -> datetime | None:
    """A moment of the API's answer."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def amount(value: Decimal | int | None) -> str:
    """An amount with all decimals that the API gave it."""
    return "" if value is None else f"{value:,}"


def words(value: object) -> str:
    """`awaiting_approval` as people write it."""
    return str(value).replace("_", " ")


_TEMPLATES: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {"moment": moment, "amount": amount, "words": words}


def page(request: Request, template: str, status: int = 200, **values: Any) -> Response:
    """A page, or a part of one, for whoever is at the console."""
    visit: Visit = request.state.visit
    settings = parts_of(request.scope).settings
    content = _TEMPLATES.get_template(template).render(
        visit=visit,
        bank=settings.bank_name,
        path=request.url.path,
        query=dict(request.query_params),
        now=datetime.now(UTC),
        said=request.query_params.get("said", ""),
        **values,
    )
    # A form tells which page it is on, to us alone, so that a refusal leads back to it.
    return HTMLResponse(content, status, {"Content-Security-Policy": _POLICY, "Referrer-Policy": "same-origin"})


def back(path: str, said: str = "") -> Response:
    """Sends the browser to a page by reading it anew, with a word about what was done."""
    return RedirectResponse(f"{path}?said={quote(said)}" if said else path, 303)


def ours(path: str) -> str:
    """`path` if it is a page of the console; else its first page. No redirect leads anywhere else."""
    parts = urlsplit(path)
    return path if not parts.netloc and not parts.scheme and parts.path.startswith(HOME) else HOME


class ConsoleRoute(APIRoute):
    """A page: whoever is not signed in is asked to, and a refusal of the API is shown as one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI, for a visit."""
        show = super().get_route_handler()
        is_open = getattr(self.endpoint, "is_open", False)

        async def handle(request: Request) -> Response:
            visit = request.state.visit = Visit(request)
            # A form that another site has sent, and be it to sign somebody in.
            if request.method != "GET" and request.headers.get("sec-fetch-site", "same-origin") not in _OWN_SITES:
                return Response("This was sent from another site", 403, media_type="text/plain")
            if visit.badge is None and not is_open:
                answer = _to_sign_in(request)
            else:
                answer = await _shown(request, visit, show)
            visit.stamp(answer)
            return answer

        return handle


def pages(prefix: str = "") -> APIRouter:
    """A router of console pages."""
    return APIRouter(prefix=HOME + prefix, route_class=ConsoleRoute, include_in_schema=False)


def open_to_all(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Marks a page that is shown to whoever is not signed in."""
    endpoint.is_open = True  # type: ignore[attr-defined] # a mark, which the route looks for
    return endpoint


async def form(request: Request) -> Mapping[str, str]:
    """The fields of a form that was sent from a page of this visit. Raises `Refused`."""
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > _LONGEST_FORM:
        raise Refused({"code": "body_too_large", "title": "Too large", "detail": "The form is too large"}, 413)
    fields: FormData = await request.form()
    visit: Visit = request.state.visit
    if not visit.form_is_ours(fields.get("csrf")):
        problem = {
            "code": "stale_form",
            "title": "Old page",
            "detail": "This form is of another visit; load the page again",
        }
        raise Refused(problem, 403)
    return {name: value.strip() for name, value in fields.items() if isinstance(value, str)}


async def _shown(request: Request, visit: Visit, show: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    try:
        return await show(request)
    except Exception as error:
        if over(error):
            visit.leave()
            return _to_sign_in(request)
        if not isinstance(error, Refused):
            raise
        if error.code == "step_up_required":
            return page(request, "confirm.html", 403, asked=error.problem, back=_page_before(request))
        if request.headers.get("hx-request"):
            return page(request, "refused_part.html", error.status, error=error)
        return page(request, "refused.html", error.status, error=error, back=_page_before(request))


def _to_sign_in(request: Request) -> Response:
    wanted = request.url.path if request.method == "GET" else HOME
    if request.headers.get("hx-request"):
        return Response(status_code=204, headers={"HX-Redirect": SIGN_IN})
    return RedirectResponse(f"{SIGN_IN}?next={quote(wanted)}", 303)


def _page_before(request: Request) -> str:
    if request.method == "GET":
        return HOME
    return ours(urlsplit(request.headers.get("referer", "")).path or HOME)
