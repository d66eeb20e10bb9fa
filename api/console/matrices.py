"""The approval matrix: its versions, the form that proposes a change, and what others make of it."""

from typing import Any, Final

from fastapi import Request, Response

from api.console.matrix_form import APPROVERS, FLAGS, RISKS, Entry, entries_of, typed_entries, with_new
from api.console.pages import HOME, back, form, page, pages
from api.console.proposals import Wrong, number, overtaken, written, wrong_parts
from api.console.visits import Refused, Visit
from models.wires.approval import MOST_ROWS

router = pages("/approval/matrix")
_HERE: Final = f"{HOME}/approval/matrix"
_VERSIONS: Final = "/admin/approval-matrices"
_MOST_EFFECTS: Final = 3


@router.get("")
async def versions(request: Request) -> Response:
    """The matrix that decides, what is proposed, and the versions before."""
    visit: Visit = request.state.visit
    listed = await visit.get(_VERSIONS)
    waiting = [one["version"] for one in listed["data"] if one["status"] == "proposed"]
    return page(
        request,
        "matrices.html",
        listed=listed,
        # How the newest of what waits would have decided; each is read from what was decided about hundreds of wires.
        effects={version: await visit.get(f"{_VERSIONS}/{version}/effect") for version in waiting[:_MOST_EFFECTS]},
        proposes=visit.may("admin:compliance"),
        publishes=visit.may("admin:compliance") and visit.may("wires:high_value"),
    )


@router.get("/propose")
async def begin(request: Request) -> Response:
    """The matrix that decides, to be changed."""
    listed, deciding = await _deciding(request)
    return _form(request, listed, deciding, entries_of(deciding["rows"]), written(deciding["call_back_over"]), note="")


@router.post("/propose")
async def propose(request: Request) -> Response:
    """Proposes what was written; or shows the form again, with another row in it, or with what is wrong."""
    visit: Visit = request.state.visit
    fields = await form(request)
    entries, note, over = typed_entries(fields), fields.get("note", ""), fields.get("call_back_over", "")
    listed, deciding = await _deciding(request)
    match fields.get("do", ""):
        case "row" if len(entries) < MOST_ROWS:
            return _form(request, listed, deciding, with_new(entries), over, note)
        case "propose":
            pass
        case _:
            return _form(request, listed, deciding, entries, over, note)
    if wrong := overtaken(fields, deciding):
        return _form(request, listed, deciding, entries, over, note, wrong)
    places = [place for place, entry in enumerate(entries) if not entry.dropped]
    body = {
        "rows": [entries[place].body() for place in places],
        "call_back_over": number(over) if over else None,
        "note": note,
    }
    try:
        made = await visit.act("POST", _VERSIONS, body)
    except Refused as error:
        if error.status != 422:
            raise
        return _form(request, listed, deciding, entries, over, note, wrong_parts(error, "rows", places))
    return back(_HERE, f"Version {made['version']} is proposed. A senior officer, who is somebody else, publishes it.")


@router.post("/{version}/publish")
async def publish(version: str, request: Request) -> Response:
    """Makes a version the one that decides."""
    visit: Visit = request.state.visit
    await form(request)
    await visit.act("POST", f"{_VERSIONS}/{version}/publish")
    return back(_HERE, "This matrix decides about wires that are routed from now on.")


@router.post("/{version}/refuse")
async def refuse(version: str, request: Request) -> Response:
    """Refuses a version, or withdraws one's own."""
    visit: Visit = request.state.visit
    fields = await form(request)
    done = await visit.act("POST", f"{_VERSIONS}/{version}/refuse", {"reason": fields.get("reason", "")})
    return back(_HERE, f"Version {version} is {done['status']}.")


async def _deciding(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    visit: Visit = request.state.visit
    listed: dict[str, Any] = await visit.get(_VERSIONS)
    return listed, next(one for one in listed["data"] if one["decides"])


def _form(
    request: Request,
    listed: dict[str, Any],
    deciding: dict[str, Any],
    entries: list[Entry],
    over: str,
    note: str,
    wrong: list[Wrong] | None = None,
) -> Response:
    return page(
        request,
        "matrix_propose.html",
        422 if wrong else 200,
        currency=listed["base_currency"],
        deciding=deciding,
        before={row["name"]: {**row, "place": place} for place, row in enumerate(deciding["rows"], 1)},
        entries=entries,
        over=over,
        note=note,
        wrong=wrong or [],
        risks=RISKS,
        flags=FLAGS,
        approvers=APPROVERS,
        full=len(entries) >= MOST_ROWS,
    )
