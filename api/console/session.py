"""Signing in and out at the console, and proving oneself afresh before what is sensitive."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request, Response
from starlette.datastructures import FormData

from api.console.pages import HOME, SIGN_IN, back, form, open_to_all, ours, page, pages
from api.console.visits import Refused, Visit

router = pages()


@router.get("/sign-in")
@open_to_all
async def sign_in_page(request: Request) -> Response:
    """Asks for address and password."""
    return page(request, "sign_in.html", next=ours(request.query_params.get("next", HOME)), error=None, email="")


@router.post("/sign-in")
@open_to_all
async def sign_in(request: Request) -> Response:
    """Takes address and password; asks for the code where a second factor is on."""
    visit: Visit = request.state.visit
    fields: FormData = await request.form()
    email, onward = str(fields.get("email", "")).strip(), ours(str(fields.get("next", HOME)))
    try:
        said = await visit.act("POST", "/auth/login", {"email": email, "password": str(fields.get("password", ""))})
    except Refused as error:
        return page(request, "sign_in.html", error.status, next=onward, error=error, email=email)
    if said["data"].get("two_factor_required"):
        return page(request, "sign_in_code.html", next=onward, error=None, challenge=said["data"]["challenge"])
    return await _enter(request, visit, said["data"], onward)


@router.post("/sign-in/code")
@open_to_all
async def sign_in_code(request: Request) -> Response:
    """Takes the code of the second factor, or a recovery code."""
    visit: Visit = request.state.visit
    fields: FormData = await request.form()
    challenge, onward = str(fields.get("challenge", "")), ours(str(fields.get("next", HOME)))
    try:
        said = await visit.act("POST", "/users/2fa/verify", {"challenge": challenge, **_answer(fields)})
    except Refused as error:
        return page(request, "sign_in_code.html", error.status, next=onward, error=error, challenge=challenge)
    return await _enter(request, visit, said["data"], onward)


async def _enter(request: Request, visit: Visit, signed_in: Mapping[str, Any], onward: str) -> Response:
    visit.welcome(signed_in)
    if signed_in["user"]["role"] == "customer":
        await visit.act("POST", "/auth/logout")
        visit.leave()
        error = Refused({"title": "Not allowed", "detail": "The console is for the bank's staff"}, 403)
        return page(request, "sign_in.html", 403, next=HOME, error=error, email="")
    return back(onward)


@router.post("/confirm")
async def confirm(request: Request) -> Response:
    """Takes a fresh proof and goes back to the page that needed it."""
    visit: Visit = request.state.visit
    fields = await form(request)
    answer = {"password": fields["password"]} if "password" in fields else _answer(fields)
    said = await visit.act("POST", "/users/2fa/verify", {"challenge": fields.get("challenge", ""), **answer})
    visit.welcome(said["data"], visit.badge)
    return back(ours(fields.get("back", HOME)), "Confirmed. You can go on within five minutes.")


@router.post("/sign-out")
async def sign_out(request: Request) -> Response:
    """Ends the session, here and in the API."""
    visit: Visit = request.state.visit
    await form(request)
    try:
        await visit.act("POST", "/auth/logout")
    finally:
        visit.leave()
    return back(SIGN_IN)


def _answer(fields: Mapping[str, object]) -> dict[str, str]:
    given = str(fields.get("code", "")).replace(" ", "")
    # Codes of an app are digits alone; recovery codes are not.
    return {"code": given} if given.isdecimal() else {"recovery_code": given}
