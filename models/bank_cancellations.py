"""What another bank asks back from us (camt.056), what we may answer (camt.029), and by when.

We book no payments from other banks for customers. So there are three things such a request can be about: a credit that
lies in quarantine, booked for nobody; a wire or a payment of ours, of which the other bank is not the sender; and
something that we do not know. What is answered is true when it is said: `CNCL` says that the payment is undone or the
money on its way back, and nothing else is called so.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from models.bank_investigations import AskedBack
from models.errors import Conflict, RuleRefused
from models.payments.states import PaymentStatus
from models.wires.states import WireStatus

# Banking business days after the request came: operations are reminded, the answer is due, and they are told again
# (reference/banking.md §6.9: an answer within 15 business days).
REMIND_DAYS: Final = 10
DUE_DAYS: Final = 15
AGAIN_DAYS: Final = 5
WORKFLOW: Final = "bank-cancellation"


class Outcome(StrEnum):
    """ISO 20022 ExternalInvestigationExecutionConfirmation1Code, as far as we use it: cancelled, refused, pending."""

    CANCELLED = "CNCL"
    REJECTED = "RJCR"
    PENDING = "PDCR"


class About(StrEnum):
    """What a request is about, as far as we know."""

    WIRE = "wire"
    PAYMENT = "payment"
    CREDIT = "credit"
    UNKNOWN = "unknown"


# ISO 20022 ExternalPaymentCancellationRejection1Code, as CBPR+ takes them: legal decision, agent's decision, customer's
# decision, returned already, account closed, no funds, no answer from the customer, original never received.
REFUSALS: Final = frozenset({"LEGL", "AGNT", "CUST", "ARDT", "AC04", "AM04", "NOAS", "NOOR"})
# Handed on to the next agent, authority to debit asked for, indemnity needed.
PENDING: Final = frozenset({"PTNA", "RQDA", "INDM"})
_NEVER_RECEIVED: Final = "NOOR"
# An order whose money never left us for good.
_UNDONE: Final = frozenset({WireStatus.FAILED, WireStatus.RETURNED, PaymentStatus.FAILED, PaymentStatus.RETURNED})


class Resolution(BaseModel):
    """What we answer to a request: `asked` as it came, and what becomes of it. Banks are named by BIC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    message_id: str
    status_id: str
    created_at: AwareDatetime
    sender: str
    receiver: str
    asked: AskedBack
    outcome: Outcome
    reason_code: str | None = None
    comment: str = ""


class OutcomeNotTrue(RuleRefused):
    """We would tell a bank what is not so."""

    code = "outcome_not_true"
    title = "This cannot be answered"


class AnswerOpen(Conflict):
    """A case is answered by one answer at a time."""

    code = "answer_open"
    title = "An answer is proposed or decided already"


def check_answer(
    outcome: Outcome, reason_code: str | None, about: About, status: WireStatus | PaymentStatus | None
) -> None:
    """Raises `OutcomeNotTrue` where the answer does not agree with what we know (`status`: of the order that it is
    about, where it is about one), or has no reason that banks know."""
    match outcome:
        case Outcome.CANCELLED:
            undone = about is About.CREDIT or status in _UNDONE
            if not undone:
                raise OutcomeNotTrue("only a credit that lies here unbooked, or an order that is undone, is cancelled")
            if reason_code is not None:
                raise OutcomeNotTrue("what is cancelled has no reason why not")
        case Outcome.REJECTED:
            if reason_code not in REFUSALS:
                raise OutcomeNotTrue(f"a refusal has one of the reasons {', '.join(sorted(REFUSALS))}")
            if reason_code == _NEVER_RECEIVED and about is not About.UNKNOWN:
                raise OutcomeNotTrue("the payment is known to us; another reason is the true one")
        case Outcome.PENDING:
            if reason_code not in PENDING:
                raise OutcomeNotTrue(f"a delay has one of the reasons {', '.join(sorted(PENDING))}")


def answer_references(answer_id: UUID) -> tuple[str, str]:
    """Message id and status id of an answer (at most 35 characters each), always the same ones."""
    return f"RI{answer_id.hex}", f"S{answer_id.hex}"


class CancellationStart(BaseModel):
    """What the process of a case is started with."""

    model_config = ConfigDict(frozen=True)

    cancellation_id: UUID


class CancellationStep(BaseModel):
    """What each step of a case is given. `at` is the process's time."""

    model_config = ConfigDict(frozen=True)

    cancellation_id: UUID
    at: datetime


class CancellationState(BaseModel):
    """A case as its rows say, for the process to decide what comes next."""

    model_config = ConfigDict(frozen=True)

    cancellation_id: UUID
    ended: bool
    about: About
    reason_code: str | None = None
    # An answer is written and not yet in the bank's folder.
    to_send: UUID | None = None
    due_at: datetime | None = None
    look_again_at: datetime | None = None


def cancellation_file(state: CancellationState) -> str:
    """A case as Markdown, for whoever opens its process in the Temporal UI. No personal data."""
    said = "Answered." if state.ended else "**Another bank asks for money back. Two people answer it.**"
    lines = [
        f"### Request of a bank, {'answered' if state.ended else 'open'}",
        said,
        "",
        "| | |",
        "|---|---|",
        f"| About | {state.about} |",
        f"| Reason | `{state.reason_code or 'none'}` |",
    ]
    if state.due_at and not state.ended:
        lines.append(f"| Answer due | {state.due_at:%Y-%m-%d %H:%M:%S} UTC |")
    return "\n".join(lines)
