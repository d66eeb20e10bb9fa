"""Asking about a bank's codes before a wire is ordered (contract §5). Nothing is stored, and nobody is asked."""

from typing import Annotated, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from api.deps import Configuration, Requires
from api.errors import documented
from api.routing import feature
from models.bank_checks import Bank, Check, examined, reachable
from models.tables.auth import Caller

router: APIRouter = feature("wires")

Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]


class BankQuestion(BaseModel):
    """The codes of a bank: a BIC, an IBAN or both, or an ABA routing number."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"iban": "DE89 3704 0044 0532 0130 00"}, {"aba": "021000021"}]},
    )

    bic: Code | None = None
    iban: Code | None = None
    aba: Code | None = None

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self.bic is None and self.iban is None and self.aba is None:
            raise ValueError("give a bic, an iban or an aba")
        if self.aba is not None and (self.bic is not None or self.iban is not None):
            raise ValueError("an aba stands for itself: give it alone")
        return self


class BankAnswer(BaseModel):
    """What the codes say. `bank` is null where no directory names it, which fails nothing."""

    valid: bool = Field(description="Whether no check failed.")
    bank: Bank | None
    country: str | None = Field(examples=["DE"])
    bic: str | None = Field(description="As given, or as the directory has it for the IBAN.")
    iban: str | None
    aba: str | None
    checks: list[Check]
    reachable_currencies: list[str]


@router.post("/validate-bank", summary="Check the codes of a bank", responses=documented(401, 403))
async def validate_bank(
    body: BankQuestion, _caller: Annotated[Caller, Requires("wires:read")], settings: Configuration
) -> BankAnswer:
    """Every check by itself, passed, failed or not known, each with its reason. A code that fails is an answer here,
    and not an error."""
    found = examined(body.bic, body.iban, body.aba)
    return BankAnswer(
        valid=found.valid,
        bank=found.bank,
        country=found.country,
        bic=found.bic,
        iban=found.iban,
        aba=found.routing_number,
        checks=list(found.checks),
        reachable_currencies=reachable(found, settings.wire_fees),
    )
