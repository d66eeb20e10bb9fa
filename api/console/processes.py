"""The way to the Temporal UI: one process, and the views of many that operations look at."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from fastapi import Request, Response

from api.console.pages import page, pages
from api.parts import parts_of
from infra.settings import Settings

router = pages("/processes")


@dataclass(frozen=True)
class View:
    """What operations look for in the Temporal UI. `{now}` in the query is the moment at which the page is made."""

    name: str
    why: str
    query: str


# The UI keeps the views that somebody saves in their browser, so these are links (decision 0036).
VIEWS: Final[Sequence[View]] = (
    View(
        "Wires before officers",
        "They wait for approval; the column SlaDueAt tells until when.",
        'CaseType = "wire" AND CaseStatus = "awaiting_approval" AND ExecutionStatus = "Running"',
    ),
    View(
        "Wires that are late",
        "Their deadline is over and nobody has decided.",
        'CaseType = "wire" AND CaseStatus IN ("awaiting_approval", "info_requested")'
        ' AND ExecutionStatus = "Running" AND SlaDueAt < "{now}"',
    ),
    View(
        "Blocked wires",
        "Their money stays until the compliance desk has ruled.",
        'CaseType = "wire" AND CaseStatus = "blocked" AND ExecutionStatus = "Running"',
    ),
    View(
        "Wires at the bank",
        "They have left; the bank has to acknowledge or settle them.",
        'CaseType = "wire" AND CaseStatus IN ("released", "acknowledged") AND ExecutionStatus = "Running"',
    ),
    View(
        "Identity checks before officers",
        "Reviews of customers that an officer has to decide.",
        'CaseType = "kyc" AND CaseStatus = "in_review" AND ExecutionStatus = "Running"',
    ),
    View(
        "Processes that cannot go on",
        "Their code fails again and again: a fault of a deployment, or a key that is missing.",
        'ExecutionStatus = "Running" AND TemporalReportedProblems IS NOT NULL',
    ),
    View(
        "Processes that ended badly",
        "Failed, ended by hand, or out of time.",
        'ExecutionStatus IN ("Failed", "Terminated", "TimedOut")',
    ),
)


def process_url(settings: Settings, workflow_id: str) -> str:
    """The page of a process in the Temporal UI."""
    return f"{_namespace_url(settings)}/workflows/{quote(workflow_id, safe='')}"


def view_url(settings: Settings, query: str, now: datetime) -> str:
    """The list of the processes that `query` finds, in the Temporal UI."""
    asked = query.replace("{now}", f"{now:%Y-%m-%dT%H:%M:%SZ}")
    return f"{_namespace_url(settings)}/workflows?query={quote(asked, safe='')}"


def _namespace_url(settings: Settings) -> str:
    return f"{settings.temporal_ui_url}/namespaces/{quote(settings.temporal_namespace, safe='')}"


@router.get("")
async def processes(request: Request) -> Response:
    """The views, and how to read there what is sealed."""
    settings = parts_of(request.scope).settings
    now = datetime.now(UTC)
    links = [(view, view_url(settings, view.query, now)) for view in VIEWS]
    return page(
        request,
        "processes.html",
        links=links,
        ui=f"{_namespace_url(settings)}/workflows",
        codec=f"{settings.public_url}/codec",
    )
