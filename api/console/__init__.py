"""The console of officers and operations, at `/console` (contract §12).

It is the API's first client: a page asks the API what it shows, and a form asks the API to act, with the tokens of
whoever is signed in. So it has no rule, no query and no right of its own, and what it can do, a script can do too.
"""

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.routing import Mount

from api.console import (
    approval,
    cancellations,
    compliance,
    kyc,
    ledger,
    mail,
    matrices,
    monitoring,
    overrides,
    people,
    processes,
    quarantine,
    reconciliation,
    rules,
    schedules,
    session,
    transactions,
    wires,
)
from api.console.assets import Assets

router = APIRouter(include_in_schema=False)
for _part in (
    session,
    wires,
    overrides,
    kyc,
    compliance,
    # Before the cases, whose addresses begin alike.
    rules,
    monitoring,
    transactions,
    people,
    reconciliation,
    approval,
    matrices,
    processes,
    schedules,
    quarantine,
    cancellations,
    mail,
    ledger,
):
    router.include_router(_part.router)

STATIC: Final = Mount("/console/static", Assets(directory=Path(__file__).parent / "static"), name="console-static")

__all__ = ["STATIC", "router"]
