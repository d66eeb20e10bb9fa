"""What the originating bank says of an ACH file it was given: taken, or which entries it refuses.

Nacha leaves acknowledgements to the banks. This is the plain text of our correspondent: one fact to a line, each line
beginning with what it is.

    ACKNOWLEDGEMENT <id>            STATUS ACCP | PART | RJCT [<reason> <words>]
    CREATED <moment>                ENTRY <trace> <individual id> <dollars> ACCEPTED <day>
    FILE <our file id>              ENTRY <trace> <individual id> <dollars> REJECTED <reason> <words>
"""

from datetime import UTC, date, datetime
from typing import Final

from infra.providers.bank.status_reports import KINDS
from models.bank import NOT_PROVIDED, AnswerKind, BankAnswer, ParsedMessage, UnreadableMessage
from models.errors import InvalidAmount
from models.money import to_minor

MESSAGE_TYPE: Final = "nacha.ack"
_PART: Final = "PART"


def read_acknowledgement(content: bytes) -> ParsedMessage:
    """One answer for each entry, or one about the file where it was refused as a whole. Raises `UnreadableMessage`."""
    try:
        lines = [line.split() for line in content.decode("ascii").splitlines() if line.strip()]
    except UnicodeDecodeError as problem:
        raise UnreadableMessage(f"the acknowledgement is not ASCII: byte {problem.start} cannot be") from None
    facts = {words[0]: words[1:] for words in lines if words[0] != "ENTRY"}
    try:
        (message_id,), (created,) = facts["ACKNOWLEDGEMENT"], facts["CREATED"]
        file_id = facts["FILE"][0]
        status, *reason = facts["STATUS"]
        created_at = datetime.fromisoformat(created)
    except (KeyError, IndexError, ValueError):
        raise UnreadableMessage("the acknowledgement does not say its id, moment, file and status") from None
    answers = tuple(_entry(words[1:], file_id) for words in lines if words[0] == "ENTRY")
    if not answers:
        if status == _PART or status not in KINDS:
            raise UnreadableMessage("the acknowledgement says neither of the file nor of its entries what became of it")
        answers = (
            BankAnswer(
                kind=KINDS[status],
                original_message_id=None if file_id == NOT_PROVIDED else file_id,
                status=status,
                reason_code=reason[0] if reason else None,
                reason_text=" ".join(reason[1:]) or None,
            ),
        )
    return ParsedMessage(
        message_type=MESSAGE_TYPE,
        message_id=message_id,
        created_at=created_at if created_at.tzinfo is not None else created_at.replace(tzinfo=UTC),
        answers=answers,
        group_status=status,
        group_reason=reason[0] if reason else None,
    )


def _entry(words: list[str], file_id: str) -> BankAnswer:
    match words:
        case [trace, individual_id, dollars, "ACCEPTED" | "REJECTED" as decision, *rest] if rest:
            rejected = decision == "REJECTED"
            try:
                amount_minor = to_minor(dollars, "USD")
                settles_on = None if rejected else date.fromisoformat(rest[0])
            except (InvalidAmount, ValueError):
                raise UnreadableMessage(f"the acknowledgement of entry {trace[:15]} has no amount or no day") from None
            return BankAnswer(
                kind=AnswerKind.REJECTED if rejected else AnswerKind.ACCEPTED,
                original_message_id=None if file_id == NOT_PROVIDED else file_id,
                instruction_id=None if trace == NOT_PROVIDED else trace,
                end_to_end_id=None if individual_id == NOT_PROVIDED else individual_id,
                amount_minor=amount_minor,
                currency="USD",
                reason_code=rest[0] if rejected else None,
                reason_text=" ".join(rest[1:]) or None if rejected else None,
                value_on=settles_on,
            )
        case _:
            raise UnreadableMessage("a line of the acknowledgement says of an entry neither ACCEPTED nor REJECTED")
