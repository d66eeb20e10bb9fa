"""What is told over sockets, and in the list of what was missed."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from api.alerts import SymbolIn, told_price
from api.amounts import Amount
from models.alerts import Condition
from models.auth import Role
from models.kyc.states import KycStatus
from models.realtime import EventKind, LiveEvent, Viewer
from models.wires import ComplianceStatus, WireStatus

ALERT_TRIGGERED: Final = "alert_triggered"
CASE_UPDATE: Final = "case_update"
QUOTE_UPDATE: Final = "quote_update"
CLOSING: Final = "closing"


class AlertTriggered(BaseModel):
    """An alert fired, for the `number`th time. `level` is a price, or of percent_move per cent."""

    event_id: int = Field(examples=[4711])
    event: Literal["alert_triggered"] = ALERT_TRIGGERED
    alert_id: UUID
    number: int = Field(examples=[1])
    symbol: str = Field(examples=["XALDE"])
    condition: Condition
    level: Amount = Field(examples=[95.00])
    price: Amount = Field(examples=[95.12])
    as_of: datetime
    at: datetime


class WireUpdate(BaseModel):
    """A wire is in another state. `reference` is its end-to-end id; `compliance_status` is told to officers alone."""

    event_id: int = Field(examples=[4712])
    event: Literal["case_update"] = CASE_UPDATE
    case: Literal["wire"] = "wire"
    id: UUID
    status: WireStatus
    reference: str
    compliance_status: ComplianceStatus | None = None
    at: datetime


class KycUpdate(BaseModel):
    """A review is in another state. `number` counts the reviews of its customer."""

    event_id: int = Field(examples=[4713])
    event: Literal["case_update"] = CASE_UPDATE
    case: Literal["kyc"] = "kyc"
    id: UUID
    status: KycStatus
    number: int
    at: datetime


Told = AlertTriggered | WireUpdate | KycUpdate


def told(event: LiveEvent, viewer: Viewer) -> Told:
    """`event` as `viewer` may know it."""
    data = event.data
    match event.kind:
        case EventKind.ALERT:
            return AlertTriggered(
                event_id=event.id,
                alert_id=event.subject_id,
                number=data["number"],
                symbol=data["symbol"],
                condition=data["condition"],
                level=told_price(Decimal(data["level"])),
                price=told_price(Decimal(data["price"])),
                as_of=data["as_of"],
                at=event.at,
            )
        case EventKind.WIRE:
            to_customer = viewer.role == Role.CUSTOMER
            return WireUpdate(
                event_id=event.id,
                id=event.subject_id,
                status=data["status"],
                reference=data["reference"],
                compliance_status=None if to_customer else data["compliance_status"],
                at=event.at,
            )
        case EventKind.KYC:
            return KycUpdate(
                event_id=event.id, id=event.subject_id, status=data["status"], number=data["number"], at=event.at
            )


class Wanted(BaseModel):
    """Symbols to follow. `together`: the newest of several come as one list instead of one by one."""

    model_config = ConfigDict(extra="forbid")

    symbols: Annotated[list[SymbolIn], Field(min_length=1, max_length=1_000, examples=[["XALDE", "XAMBE"]])]
    together: bool = False


class Dropped(BaseModel):
    """Symbols to follow no longer; none named: all."""

    model_config = ConfigDict(extra="forbid")

    symbols: Annotated[list[SymbolIn], Field(max_length=1_000, examples=[["XAMBE"]])] = []


class Token(BaseModel):
    """What a client says who it is by."""

    token: Annotated[str, Field(min_length=1, max_length=8192)]


class Rejected(BaseModel):
    """A symbol that is not followed, and why."""

    symbol: str
    code: str
    detail: str


class Following(BaseModel):
    """The symbols that the socket follows now, those that it asked for in vain, and how many it may follow."""

    subscribed: list[str] = Field(examples=[["XALDE"]])
    rejected: list[Rejected] = []
    limit: int = Field(examples=[50])


class Subscribed(BaseModel):
    """Whether the socket is told of its person's alerts."""

    subscribed: bool


class Authenticated(BaseModel):
    """Until when the socket stays open with the token that was accepted."""

    expires_at: datetime


wanted_symbols: Final[TypeAdapter[list[str] | Wanted]] = TypeAdapter(
    Annotated[list[SymbolIn], Field(min_length=1, max_length=1_000)] | Wanted
)
dropped_symbols: Final[TypeAdapter[list[str] | Dropped]] = TypeAdapter(
    Annotated[list[SymbolIn], Field(max_length=1_000)] | Dropped
)
