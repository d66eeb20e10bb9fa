"""How the desk that reviews customers works: what a bank sets for itself (`AURUM_KYC`)."""

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

# The hours of a day of the desk (models/calendars.py).
_DAY: Final = 10 * 3600


class DeskRules(BaseModel):
    """Times in seconds. Officers' are business time where bank hours are `calendar`: two days of the desk, and five
    where they look deeper (reference/banking.md §6.5). A customer's answer has days of the calendar.

    `straight_through`: an application of low risk in which nothing was found is approved without an officer. Off unless
    a bank decides otherwise: it answers for each customer, and until its own officers have seen that the model rates as
    they would, a person looks.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    review_seconds: int = Field(default=2 * _DAY, ge=1)
    edd_seconds: int = Field(default=5 * _DAY, ge=1)
    answer_seconds: int = Field(default=14 * 24 * 3600, ge=1)
    straight_through: bool = False
