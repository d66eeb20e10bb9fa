"""Wires by HTTP: a customer orders, looks and cancels; officers approve or reject (contract §5)."""

from fastapi import APIRouter

from api.wires import (
    banks,
    beneficiaries,
    call_backs,
    desk,
    estimates,
    evidence,
    limits,
    messages,
    overrides,
    recalls,
    routes,
    screening,
)

router = APIRouter()
# Those with words in their paths come first: `/wires/{wire_id}` would take the word for an id.
for _part in (
    banks.router,
    beneficiaries.router,
    estimates.router,
    limits.router,
    routes.router,
    desk.router,
    call_backs.router,
    messages.router,
    overrides.router,
    recalls.router,
    screening.router,
):
    router.include_router(_part)

__all__ = ["evidence", "router"]
