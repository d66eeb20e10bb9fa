"""The one tree of refusals. Each leaf has a stable `code` that callers may rely on and a short title for people.

    AurumError
    ├── Malformed                 the request cannot be read as what it claims to be
    │   ├── InvalidAmount
    │   ├── UnknownCurrency
    │   ├── InvalidIban
    │   ├── InvalidBic
    │   └── InvalidRoutingNumber
    ├── RuleRefused               understood, and a rule of the bank says no
    │   ├── InsufficientFunds
    │   ├── CurrencyMismatch
    │   ├── SameAccount               in models/transactions.py
    │   ├── LimitExceeded             in models/limits.py
    │   ├── WeakPassword
    │   └── AccountUnusable
    ├── NotAuthenticated
    │   ├── BadCredentials
    │   ├── WrongCode
    │   ├── ExternalSignInRefused
    │   └── BadToken
    ├── Forbidden
    │   ├── PermissionMissing
    │   ├── FourEyes
    │   ├── KycRequired
    │   ├── CustomerFrozen
    │   ├── StepUpRequired
    │   └── EmailNotVerified
    ├── NotFound
    ├── Conflict
    │   ├── WrongState
    │   ├── DeadlinePassed
    │   ├── AlreadyDecided
    │   ├── ContentChanged
    │   └── IdempotencyConflict
    ├── RateLimited               too often, or too soon after a failure
    └── Unavailable               worth trying again
        └── LedgerFrozen

Models do not know HTTP: `api/errors.py` maps the branches to status codes, `infra/temporal.py` to Temporal failures.
"""

import math
from typing import Any, ClassVar


class AurumError(Exception):
    """A refusal with a reason. `detail` is for the person who asked; `extra` are members of the answer."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Error"

    def __init__(self, detail: str = "", **extra: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = extra


class Malformed(AurumError):
    """The request cannot be read as what it claims to be."""

    code = "malformed"
    title = "Malformed request"


class InvalidAmount(Malformed):
    """Not a number, not positive where it has to be, too large, or more precise than the currency."""

    code = "invalid_amount"
    title = "Invalid amount"


class UnknownCurrency(Malformed):
    """Not an ISO 4217 code, or one that this bank keeps no accounts in."""

    code = "unknown_currency"
    title = "Unknown currency"


class InvalidIban(Malformed):
    """Wrong length, pattern or check digits (ISO 13616)."""

    code = "invalid_iban"
    title = "Invalid IBAN"


class InvalidBic(Malformed):
    """Wrong shape, an unknown country, or a test BIC (ISO 9362)."""

    code = "invalid_bic"
    title = "Invalid BIC"


class InvalidRoutingNumber(Malformed):
    """Not nine digits, or a wrong check digit (ABA)."""

    code = "invalid_routing_number"
    title = "Invalid routing number"


class RuleRefused(AurumError):
    """Understood, and a rule of the bank says no."""

    code = "refused"
    title = "Refused"


class InsufficientFunds(RuleRefused):
    """The available balance (posted less held) does not cover the amount and its fee."""

    code = "insufficient_funds"
    title = "Insufficient funds"


class CurrencyMismatch(RuleRefused):
    """The account is held in another currency."""

    code = "currency_mismatch"
    title = "Currency mismatch"


class AccountUnusable(RuleRefused):
    """The account is frozen or closed."""

    code = "account_unusable"
    title = "Account cannot be used"


class WeakPassword(RuleRefused):
    """Too short, too long, or among the common ones (NIST SP 800-63B §5.1.1.2)."""

    code = "weak_password"
    title = "Password refused"


class NotAuthenticated(AurumError):
    """Nobody is signed in."""

    code = "not_authenticated"
    title = "Authentication required"


class BadCredentials(NotAuthenticated):
    """E-mail or password is wrong; which of them is not told."""

    code = "bad_credentials"
    title = "E-mail or password is wrong"


class WrongCode(NotAuthenticated):
    """The code of a second factor is wrong, too old, or was used before; which of these is not told."""

    code = "wrong_code"
    title = "Code is wrong"


class BadToken(NotAuthenticated):
    """The token is expired, revoked, already used, or not ours."""

    code = "bad_token"
    title = "Invalid token"


class ExternalSignInRefused(NotAuthenticated):
    """The identity provider says who it is, and this account is one that is signed in to here alone."""

    code = "external_sign_in_refused"
    title = "Sign in at Aurum itself"


class Forbidden(AurumError):
    """Signed in, and not allowed."""

    code = "forbidden"
    title = "Not allowed"


class PermissionMissing(Forbidden):
    """The act needs a permission that the person does not have."""

    code = "permission_missing"
    title = "Permission missing"


class FourEyes(Forbidden):
    """The maker of a thing is never its checker."""

    code = "four_eyes"
    title = "Maker and checker have to be different people"


class KycRequired(Forbidden):
    """Money leaves no account of a customer who is not approved (contract §6)."""

    code = "kyc_required"
    title = "Identity check required"


class CustomerFrozen(Forbidden):
    """The customer is frozen by the bank."""

    code = "customer_frozen"
    title = "Customer is frozen"


class StepUpRequired(Forbidden):
    """Signed in too long ago for this act: it needs a fresh proof. `challenge`, `methods` and `verify_at` say how."""

    code = "step_up_required"
    title = "Confirm that it is you"


class EmailNotVerified(Forbidden):
    """The address has to be confirmed first."""

    code = "email_not_verified"
    title = "E-mail address is not verified"


class NotFound(AurumError):
    """There is no such thing, or it is somebody else's."""

    code = "not_found"
    title = "Not found"


class Conflict(AurumError):
    """The thing is in a state that does not allow this."""

    code = "conflict"
    title = "Conflict"


class WrongState(Conflict):
    """The move is not among the allowed ones from the present state."""

    code = "wrong_state"
    title = "Wrong state"


class DeadlinePassed(Conflict):
    """The hard stop is over; nothing is decided after it."""

    code = "deadline_passed"
    title = "The deadline has passed"


class AlreadyDecided(Conflict):
    """This officer has already decided on this wire."""

    code = "already_decided"
    title = "Already decided"


class ContentChanged(Conflict):
    """What was approved is not what the order says now."""

    code = "content_changed"
    title = "The order has changed"


class IdempotencyConflict(Conflict):
    """The idempotency key was used for a request with other content."""

    code = "idempotency_conflict"
    title = "Idempotency key was used for another request"


class RateLimited(AurumError):
    """Too many requests, or the next guess too soon. Whoever waits `retry_after` seconds is heard again."""

    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, retry_after: float, detail: str = "", **extra: Any) -> None:
        super().__init__(detail, retry_after=max(1, math.ceil(retry_after)), **extra)


class Unavailable(AurumError):
    """A part that is needed does not answer; worth trying again."""

    code = "unavailable"
    title = "Temporarily unavailable"


class LedgerFrozen(Unavailable):
    """A breach of the books is being looked into, and nothing is booked until an operator has ended the freeze.

    `retry_after` is in seconds. A process that waits asks as seldom, so that its history stays short over days.
    """

    code = "ledger_frozen"
    title = "Posting is suspended"

    def __init__(self, detail: str = "", *, retry_after: int = 300, **extra: Any) -> None:
        super().__init__(detail, retry_after=retry_after, **extra)
