"""What the processes of statements are given and answer. None of it is personal data."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from models.auth import Letter
from models.statements.monthly import Period, days_of

Reason = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)]


class StatementsMade(BaseModel):
    """How many accounts were looked at. `statements` exist now, whether this run made them or an earlier one; `empty`
    accounts get none; `failed` ones are for operations to look into."""

    model_config = ConfigDict(frozen=True)

    statements: int = 0
    empty: int = 0
    failed: int = 0

    def and_(self, other: "StatementsMade") -> "StatementsMade":
        """Both together."""
        return StatementsMade(
            statements=self.statements + other.statements,
            empty=self.empty + other.empty,
            failed=self.failed + other.failed,
        )


class StatementRun(BaseModel):
    """What a month's process is started with. `after` and `made` are where a long run stands when it goes on."""

    model_config = ConfigDict(frozen=True)

    period: Period
    after: UUID | None = None
    made: StatementsMade = StatementsMade()


class AccountRun(BaseModel):
    """One account and one month. With a `reason` what was made is looked at again, and another version made if it says
    something else now."""

    model_config = ConfigDict(frozen=True)

    period: Period
    account_id: UUID
    reason: Reason = ""


class StatementPlan(BaseModel):
    """Which customers come next, behind `after`."""

    model_config = ConfigDict(frozen=True)

    period: Period
    after: UUID | None = None


class StatementPage(BaseModel):
    """A page of customers, from `first` to `last`, in the order of their ids."""

    model_config = ConfigDict(frozen=True)

    period: Period
    first: UUID
    last: UUID


class StatementPages(BaseModel):
    """The pages that come next; none when all were planned."""

    model_config = ConfigDict(frozen=True)

    pages: tuple[StatementPage, ...] = ()


class StatementSweep(BaseModel):
    """The end of a month's run, at the process's time: what was made is told, what belongs to nothing is taken out."""

    model_config = ConfigDict(frozen=True)

    period: Period
    run: str
    at: datetime
    made: StatementsMade


class StatementProgress(BaseModel):
    """Where a month's run stands."""

    model_config = ConfigDict(frozen=True)

    period: Period
    made: StatementsMade = Field(default=StatementsMade())
    done: bool = False

    def told(self) -> str:
        """For operations."""
        made = self.made
        return (
            f"{'Done' if self.done else 'At work'}: {made.statements} statements of {self.period} exist,"
            f" {made.empty} accounts had nothing to tell, {made.failed} failed."
        )


def letter(period: str, link: str) -> Letter:
    """Tells a customer that the statements of a month are there. It says nothing of money."""
    month = f"{days_of(period)[0]:%B %Y}"
    return Letter(
        subject=f"Your statements of {month}",
        body=(
            f"The statements of your accounts at Aurum for {month} are ready:\n\n{link}\n\n"
            "Please check them, and tell us without delay about anything that is not right.\n"
        ),
    )


def corrected(period: str, version: int, link: str) -> Letter:
    """Tells a customer that a statement was replaced."""
    month = f"{days_of(period)[0]:%B %Y}"
    return Letter(
        subject=f"A corrected statement of {month}",
        body=(
            f"A statement of one of your accounts at Aurum for {month} was made again; version {version} replaces "
            f"the one before, and says why:\n\n{link}\n"
        ),
    )
