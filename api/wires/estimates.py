"""What a wire would cost, when it would count, and what stands in its way: asked before it is ordered (contract §5)."""

from datetime import date, datetime, timedelta
from typing import Annotated, Final, Self

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from api import audit
from api.amounts import Amount
from api.bank_fields import AccountIn, Name
from api.deps import Configuration, Db, Requires
from api.errors import documented
from api.routing import feature
from api.wires.beneficiaries import saved_recipient
from api.wires.limits import LimitView, limit_view
from api.wires.orders import RecipientIn, WireIn
from api.wires.routes import now
from infra.settings import BankHours, Settings
from models.bank import Charges
from models.bank_codes import country_of, looks_like_iban
from models.money import to_decimal, to_minor
from models.tables.auth import Caller
from models.tables.wires.estimates import DeskTerms, estimate
from models.wires import WireOrder
from models.wires.estimates import Estimate, Notice

router: APIRouter = feature("wires")

# The same for everybody and every order, on purpose (models.tables.wires.estimates).
SCREENING: Final = (
    "Every wire is screened when it is ordered and before it leaves. Most pass at once; some take longer."
)


class EstimateIn(WireIn):
    """A wire that somebody thinks of. Of the recipient their bank or IBAN is enough."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=WireIn.model_config["json_schema_extra"])

    recipient_name: Name | None = None
    recipient_account_number: AccountIn | None = None

    @model_validator(mode="after")
    def _names_one_recipient(self) -> Self:
        if self.beneficiary_id is not None:
            if self.model_fields_set & set(RecipientIn.model_fields):
                raise ValueError("name the recipient by beneficiary_id or by its own fields, not by both")
            return self
        if self.recipient_bank_swift is not None and self.recipient_routing_number is not None:
            raise ValueError("name the bank by recipient_bank_swift or by recipient_routing_number, not by both")
        if (self.recipient_bank_swift or self.recipient_routing_number) is None and not looks_like_iban(
            self.recipient_account_number or ""
        ):
            raise ValueError("name the recipient's bank, or their IBAN: where the money goes decides what it takes")
        return self

    def order(self, saved: RecipientIn | None = None) -> WireOrder:
        """As far as it is known. Raises `InvalidAmount`."""
        if saved is not None:
            return super().order(saved)
        own = self.model_dump(exclude={"from_account_id", "amount", "beneficiary_id"})
        account = self.recipient_account_number or ""
        return WireOrder(
            sender_account_id=self.from_account_id,
            amount_minor=to_minor(self.amount, self.currency),
            recipient_country=country_of(self.recipient_bank_swift, account),
            **own | {"recipient_name": self.recipient_name or "", "recipient_account_number": account},
        )


class ApprovalsNeeded(BaseModel):
    """How many officers would have to approve, and until when they are due to."""

    required: int
    senior_required: bool
    deadline: datetime | None


class EstimateView(BaseModel):
    """A dry run: nothing is stored, nothing set aside. An order that is the same, given now, would come to the same."""

    amount: Amount
    currency: str
    charges: Charges
    fee: Amount = Field(description="Ours. With BEN it is taken out of the amount.")
    correspondent_fee: Amount = Field(description="Taken in advance for the banks on the way (OUR).")
    total_debit: Amount
    recipient_amount: Amount = Field(
        description="What leaves for the recipient; with SHA and BEN less others' charges."
    )
    available_balance: Amount
    release_at: datetime = Field(description="When it leaves if it is approved at once.")
    value_date: date
    cut_off: datetime | None = Field(description="The first moment too late for that value date; null: none.")
    latest_value_date: date = Field(description="The value date if it is approved at the deadline.")
    approvals: ApprovalsNeeded
    limits: dict[str, LimitView]
    accepted: bool = Field(description="Whether it could be ordered as things are now; if not, `problems` say why.")
    problems: list[Notice]
    warnings: list[Notice]
    screening: str = Field(examples=[SCREENING])


@router.post("/estimate-fee", summary="Try a wire without ordering it", responses=documented(400, 401, 403, 404))
async def estimate_fee(
    body: EstimateIn,
    request: Request,
    caller: Annotated[Caller, Requires("wires:create")],
    db: Db,
    settings: Configuration,
    at: Annotated[datetime, Depends(now)],
) -> EstimateView:
    """Fee, value date, cut-off, approvals and limits of a wire, by the same rules that it would be ordered, routed and
    released by. What an order would be refused for whatever the balance is refused here too."""
    audit.note(request, "wire_estimate", new=body.model_dump(mode="json", exclude_none=True))
    order = body.order(await saved_recipient(request, db, caller, body.beneficiary_id))
    found = await estimate(db, caller.id, order, terms=settings.wire_terms, desk=_desk(settings), at=at)
    return _view(order, found)


def _desk(settings: Settings) -> DeskTerms:
    return DeskTerms(
        base_currency=settings.base_currency,
        fingerprint_key=settings.fingerprint_key.get_secret_value().encode(),
        sla=timedelta(seconds=settings.wire_sla_seconds),
        hard_stop=timedelta(seconds=settings.wire_hard_stop_seconds),
        always_open=settings.bank_hours is BankHours.ALWAYS,
    )


def _view(order: WireOrder, found: Estimate) -> EstimateView:
    cost = found.price

    def major(minor: int) -> Amount:
        return to_decimal(minor, order.currency)

    return EstimateView(
        amount=major(order.amount_minor),
        currency=order.currency,
        charges=order.charges,
        fee=major(cost.fee_minor - cost.correspondent_minor + cost.deducted_minor),
        correspondent_fee=major(cost.correspondent_minor),
        total_debit=major(order.amount_minor + cost.fee_minor),
        recipient_amount=major(order.amount_minor - cost.deducted_minor),
        available_balance=major(found.available_minor),
        release_at=found.leaves.at,
        value_date=found.leaves.value_date,
        cut_off=found.leaves.cut_off,
        latest_value_date=found.leaves_latest.value_date,
        approvals=ApprovalsNeeded(required=found.approvals, senior_required=found.senior, deadline=found.deadline),
        limits={one.limit.name: limit_view(one, order.currency) for one in found.rooms},
        accepted=not found.problems,
        problems=list(found.problems),
        warnings=list(found.warnings),
        screening=SCREENING,
    )
