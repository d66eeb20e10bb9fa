"""What customers declare of themselves when they submit: their part of the profile that later behaviour is held to."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class Occupation(StrEnum):
    """What somebody lives by."""

    EMPLOYED = "employed"
    SELF_EMPLOYED = "self_employed"
    CASH_BUSINESS = "cash_business"
    PUBLIC_OFFICE = "public_office"
    STUDENT = "student"
    RETIRED = "retired"
    UNEMPLOYED = "unemployed"


class FundsSource(StrEnum):
    """Where the money comes from."""

    SALARY = "salary"
    PENSION = "pension"
    SAVINGS = "savings"
    INVESTMENTS = "investments"
    BUSINESS = "business"
    PROPERTY_SALE = "property_sale"
    INHERITANCE = "inheritance"
    GIFT = "gift"
    CRYPTO_ASSETS = "crypto_assets"
    OTHER = "other"


class Declaration(BaseModel):
    """A customer's own words. `expected_monthly_volume`: what will leave in a month, in whole euros."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    occupation: Occupation = Field(examples=["employed"])
    source_of_funds: FundsSource = Field(examples=["salary"])
    expected_monthly_volume: int = Field(ge=0, le=1_000_000_000, examples=[2500])
    politically_exposed: bool = Field(
        default=False,
        description="Holds a prominent public function or held one within 12 months, or is close to somebody who does.",
    )
