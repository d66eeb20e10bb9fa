"""Saved recipients by HTTP (contract §5). Adding one asks for a fresh proof: it is what a thief would do first."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from uuid_utils.compat import uuid7

from api import audit
from api.deps import Db, Requires
from api.errors import documented
from api.idempotency import IdempotencyKey
from api.pages import Page, PageQuery, page_of
from api.parts import parts_of
from api.routing import feature
from api.step_up import FreshAuthentication
from api.wires.orders import RecipientAddress, RecipientIn
from infra.crypto import FieldContext, Keyring
from models.auth import Role
from models.beneficiaries import NewBeneficiary, Standing
from models.errors import Forbidden
from models.tables import beneficiaries
from models.tables.auth import Caller
from models.tables.beneficiaries import Beneficiary

router: APIRouter = feature("wires")


class BeneficiaryView(BaseModel):
    """A saved recipient. Until `known_from` a wire to it is checked as one to somebody new (`cooling`)."""

    id: UUID
    recipient_name: str
    recipient_bank_name: str
    recipient_bank_swift: str | None
    recipient_routing_number: str | None
    recipient_account_number: str
    recipient_address: dict[str, Any] | None
    recipient_country: str
    standing: Standing = Field(description="`cooling` or `known`.")
    known_from: datetime
    created_at: datetime


def _keyring(request: Request) -> Keyring:
    settings = parts_of(request.scope).settings
    return Keyring.of(settings.field_keys, settings.field_key_id)


def _place(beneficiary_id: UUID) -> FieldContext:
    return FieldContext("beneficiaries", "account_sealed", beneficiary_id)


def _opened(keyring: Keyring, kept: Beneficiary) -> RecipientIn:
    # Not validated anew: a rule that came later must not make a saved recipient unreadable; placing an order checks.
    return RecipientIn.model_construct(
        recipient_name=kept.name,
        recipient_bank_name=kept.bank_name,
        recipient_bank_swift=kept.bank_swift,
        recipient_routing_number=kept.routing_number,
        recipient_account_number=keyring.open(bytes(kept.account_sealed), _place(kept.id)).decode(),
        recipient_address=RecipientAddress.model_construct(**kept.address) if kept.address else None,
    )


def _view(keyring: Keyring, kept: Beneficiary) -> BeneficiaryView:
    return BeneficiaryView(
        **_opened(keyring, kept).model_dump(),
        id=kept.id,
        recipient_country=kept.country,
        standing=kept.standing_at(datetime.now(UTC)),
        known_from=kept.known_from,
        created_at=kept.created_at or kept.known_from,
    )


async def saved_recipient(
    request: Request, db: AsyncSession, caller: Caller, beneficiary_id: UUID | None
) -> RecipientIn | None:
    """The recipient that an order names by its id; None where it names none. Raises `NotFound`."""
    if beneficiary_id is None:
        return None
    return _opened(_keyring(request), await beneficiaries.find(db, caller.id, beneficiary_id))


@router.get("/beneficiaries", summary="List your saved recipients", responses=documented(401, 403))
async def list_beneficiaries(
    wanted: PageQuery, request: Request, caller: Annotated[Caller, Requires("wires:create")], db: Db
) -> Page[BeneficiaryView]:
    """The caller's own, newest first, without deleted ones."""
    keyring = _keyring(request)
    chosen = select(Beneficiary).where(col(Beneficiary.user_id) == caller.id, col(Beneficiary.deleted_at).is_(None))
    return await page_of(db, chosen, col(Beneficiary.id), wanted, lambda kept: _view(keyring, kept))


@router.post("/beneficiaries", status_code=201, summary="Save a recipient", responses=documented(400, 401, 403, 409))
async def add_beneficiary(
    body: RecipientIn,
    request: Request,
    caller: Annotated[Caller, Requires("wires:create")],
    _fresh: FreshAuthentication,
    db: Db,
    _key: IdempotencyKey,
) -> BeneficiaryView:
    """Checks the recipient as an order does, saves it, and writes to its customer. It counts as new for the cooling
    time, 24 hours unless the bank has set another."""
    audit.note(request, "beneficiary", new=body.model_dump(mode="json"))
    if caller.role != Role.CUSTOMER:
        raise Forbidden("Recipients are saved by customers")
    settings, keyring, beneficiary_id = parts_of(request.scope).settings, _keyring(request), uuid7()
    kept = await beneficiaries.save(
        db,
        caller.id,
        NewBeneficiary(
            name=body.recipient_name,
            bank_name=body.recipient_bank_name,
            bank_swift=body.recipient_bank_swift,
            routing_number=body.recipient_routing_number,
            account_number=body.recipient_account_number,
            address=body.recipient_address.model_dump() if body.recipient_address else None,
            country=body.country,
        ),
        beneficiary_id=beneficiary_id,
        sealed=keyring.seal(body.recipient_account_number.encode(), _place(beneficiary_id)),
        key=settings.fingerprint_key.get_secret_value().encode(),
        cooling=timedelta(seconds=settings.wire_cooling_seconds),
        at=datetime.now(UTC),
    )
    audit.note(request, "beneficiary", kept.id, new={"known_from": kept.known_from.isoformat()})
    return _view(keyring, kept)


@router.delete(
    "/beneficiaries/{beneficiary_id}",
    status_code=204,
    summary="Delete a saved recipient",
    responses=documented(401, 403, 404),
)
async def delete_beneficiary(
    beneficiary_id: UUID, request: Request, caller: Annotated[Caller, Requires("wires:create")], db: Db
) -> Response:
    """Takes it off the list. Wires that were ordered to it go on; saved again, it is new again."""
    audit.note(request, "beneficiary", beneficiary_id)
    await beneficiaries.delete(db, caller.id, beneficiary_id)
    return Response(status_code=204)
