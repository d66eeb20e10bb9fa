"""Why an officer cannot decide about a wire, or not yet."""

from models.errors import Conflict, Forbidden, RuleRefused


class ApproverLimitExceeded(Forbidden):
    """More than the officer may approve, in one wire or in 24 hours. Somebody with a higher limit decides."""

    code = "approver_limit_exceeded"
    title = "More than you may approve"


class NotDelegated(Forbidden):
    """No delegation that holds now lets this officer decide in that one's place."""

    code = "not_delegated"
    title = "No delegation"


class NotYourTurn(Conflict):
    """The approvers of this wire decide in an order, and it is somebody else's turn."""

    code = "not_your_turn"
    title = "Somebody else decides first"


class EvidenceChanged(Conflict):
    """What there is to know about the wire is not what the officer looked at."""

    code = "evidence_changed"
    title = "There is something new about this wire"


class TooManyQuestions(RuleRefused):
    """The customer was asked often enough; now somebody decides."""

    code = "too_many_questions"
    title = "Too many questions"


class ClaimedByAnother(Conflict):
    """Somebody else looks after the wire."""

    code = "claimed_by_another"
    title = "Somebody else looks after this wire"
