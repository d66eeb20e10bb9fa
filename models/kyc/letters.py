"""What customers are written about their identity check.

No letter tells what screening found, how a customer is rated, or that anybody suspects anything (tipping off, 31 U.S.C.
5318(g)(2), Directive (EU) 2015/849 art. 39). Of a review that the bank holds by itself nothing is written at all,
unless an officer asks the customer something.
"""

from datetime import datetime
from typing import Final

from models.auth import Letter
from models.kyc.ladder import Rung
from models.kyc.states import Occasion, Rejection

_HOW: Final = (
    "\nSign in and open your identity check (/kyc/status): it lists what is needed. Upload it there and submit.\n"
)
_WHY: Final[dict[Occasion, str]] = {
    Occasion.PERIODIC: "Banks look again at what they know of their customers every few years.",
    Occasion.DOCUMENT_EXPIRY: "The document that you proved your identity with is about to expire.",
    Occasion.NAME_CHANGED: "You have changed your name or date of birth with us, and we need a document that shows it.",
    Occasion.COUNTRY_CHANGED: "You have moved to another country, and we need to know you as somebody who lives there.",
}
_REFUSED: Final[dict[Rejection, str]] = {
    Rejection.IDENTITY_NOT_PROVEN: "We could not make sure from your documents that it is you.",
    Rejection.DOCUMENTS_UNREADABLE: "We could not read your documents well enough.",
    Rejection.INFORMATION_MISSING: "What we need to know was not there.",
    Rejection.OUTSIDE_POLICY: "We cannot offer you our services. We may not say more about it.",
}


def on_the_ladder(rung: Rung, occasion: Occasion, due: datetime) -> Letter | None:
    """The letter of one step of the ladder; None where that step has none."""
    day = f"{due:%d %B %Y}"
    match rung:
        case Rung.NOTICE_90 | Rung.NOTICE_30 | Rung.NOTICE_7:
            return Letter(
                subject=f"Please renew your identity check by {day}",
                body=f"{_WHY[occasion]} Please do it by {day}; until then nothing changes.\n{_HOW}",
            )
        case Rung.LIMITED:
            return Letter(
                subject="Your identity check is overdue: payments are limited",
                body=(
                    f"It was due on {day}. Until it is renewed you can move money within Aurum in small amounts, and "
                    f"not to other banks.\n{_HOW}"
                ),
            )
        case Rung.FROZEN:
            return Letter(
                subject="Your identity check is overdue: no money can leave",
                body=(
                    f"It was due on {day}. Until it is renewed no money leaves your accounts; money that is paid to "
                    f"you still arrives.\n{_HOW}"
                ),
            )
        case Rung.EXIT:
            return Letter(
                subject="We are deciding whether we can keep your accounts",
                body=(
                    f"Your identity check was due on {day} and has not been renewed. We are now deciding whether we "
                    f"have to end our business with you. You can still renew it.\n{_HOW}"
                ),
            )
    return None


def asked(due: datetime, *, again: bool = False) -> Letter:
    """Tells of a question of the bank, the first time or `again`."""
    return Letter(
        subject="A reminder of our question" if again else "We have a question about your identity check",
        body=(
            f"Please answer by {due:%d %B %Y}. Sign in and open your identity check (/kyc/status): the question is "
            "there, and what to upload, if anything.\n"
        ),
    )


def submitted() -> Letter:
    """Says that an application has arrived."""
    return Letter(
        subject="We have your documents",
        body="We are looking at them and will write to you when we are done. That takes a few business days at most.\n",
    )


def approved(*, again: bool) -> Letter:
    """Says that a customer is approved, for the first time or `again`."""
    first = "Your identity check is done: you can open accounts and send money.\n"
    return Letter(
        subject="Your identity check is renewed" if again else "Welcome to Aurum: you are approved",
        body="Thank you. Nothing more is needed, and all your limits are as before.\n" if again else first,
    )


def rejected(reason: Rejection, *, may_apply_again: bool) -> Letter:
    """Says that a customer is refused, in the words that they may be told."""
    again = "\nYou can hand in other documents and submit again at any time.\n" if may_apply_again else ""
    return Letter(subject="Your identity check was not passed", body=f"{_REFUSED[reason]}\n{again}")


def unanswered() -> Letter:
    """Says that an application ended because a question stayed open."""
    return Letter(
        subject="Your identity check has ended",
        body=(
            "We asked you something and have not heard from you. Nothing is lost: your documents are still here, and "
            "you can submit again at any time.\n"
        ),
    )
