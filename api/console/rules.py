"""The rules of monitoring: their versions, the form that proposes a change, and what others make of it."""

from typing import Any, Final

from fastapi import Request, Response

from api.console.pages import HOME, back, form, page, pages
from api.console.proposals import Wrong, overtaken, wrong_parts
from api.console.rule_form import (
    CURRENCIES,
    DIRECTIONS,
    KINDS,
    NUMBERS,
    WITH_ZONE,
    Entry,
    entries_of,
    new_entry,
    typed_entries,
)
from api.console.visits import Refused, Visit
from models.monitoring.rules import MOST_RULES

router = pages("/monitoring/rules")
_RULES: Final = f"{HOME}/monitoring/rules"
_BOOKS: Final = "/admin/monitoring/rulebooks"


@router.get("")
async def rules(request: Request) -> Response:
    """The rules in their versions."""
    visit: Visit = request.state.visit
    return page(
        request,
        "monitoring_rules.html",
        listed=await visit.get(_BOOKS),
        proposes=visit.may("admin:compliance"),
        publishes=visit.may("admin:compliance") and visit.may("wires:high_value"),
    )


@router.get("/propose")
async def begin(request: Request) -> Response:
    """The rules that decide, to be changed."""
    deciding = await _deciding(request)
    return _form(request, deciding, entries_of(deciding["rules"]), note="")


@router.post("/propose")
async def propose(request: Request) -> Response:
    """Proposes what was written; or shows the form again, with another rule in it, or with what is wrong."""
    visit: Visit = request.state.visit
    fields = await form(request)
    entries, note, wanted = typed_entries(fields), fields.get("note", ""), fields.get("do", "")
    deciding = await _deciding(request)
    if wanted in KINDS and len(entries) < MOST_RULES:
        return _form(request, deciding, [*entries, new_entry(wanted, entries)], note)
    if wanted != "propose":
        return _form(request, deciding, entries, note)
    if wrong := overtaken(fields, deciding):
        return _form(request, deciding, entries, note, wrong)
    places = [place for place, entry in enumerate(entries) if not entry.dropped]
    try:
        made = await visit.act("POST", _BOOKS, {"rules": [entries[place].body() for place in places], "note": note})
    except Refused as error:
        if error.status != 422:
            raise
        return _form(request, deciding, entries, note, wrong_parts(error, "rules", places))
    return back(_RULES, f"Version {made['version']} is proposed. A senior officer, who is somebody else, publishes it.")


@router.post("/{version}/publish")
async def publish(version: str, request: Request) -> Response:
    """Makes a version the one that decides."""
    visit: Visit = request.state.visit
    await form(request)
    await visit.act("POST", f"{_BOOKS}/{version}/publish")
    return back(_RULES, "These rules decide from now on.")


@router.post("/{version}/refuse")
async def refuse(version: str, request: Request) -> Response:
    """Refuses a version, or withdraws one's own."""
    visit: Visit = request.state.visit
    fields = await form(request)
    done = await visit.act("POST", f"{_BOOKS}/{version}/refuse", {"reason": fields.get("reason", "")})
    return back(_RULES, f"Version {version} is {done['status']}.")


async def _deciding(request: Request) -> dict[str, Any]:
    visit: Visit = request.state.visit
    listed = await visit.get(_BOOKS)
    found: dict[str, Any] = next(book for book in listed["data"] if book["decides"])
    return found


def _form(
    request: Request, deciding: dict[str, Any], entries: list[Entry], note: str, wrong: list[Wrong] | None = None
) -> Response:
    return page(
        request,
        "monitoring_propose.html",
        422 if wrong else 200,
        deciding=deciding,
        before={rule["name"]: rule for rule in deciding["rules"]},
        entries=entries,
        note=note,
        wrong=wrong or [],
        kinds=KINDS,
        numbers=NUMBERS,
        with_zone=WITH_ZONE,
        directions=DIRECTIONS,
        currencies=CURRENCIES,
        full=len(entries) >= MOST_RULES,
    )
