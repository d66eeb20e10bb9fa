"""What never stands in a log: secrets, e-mail addresses, telephone and account numbers.

Callers log ids, codes and durations, so there is nothing to hide in what they write on purpose. This is for the rest:
the message of somebody else's exception, a library that logs what it was given, a mistake. It goes by the name of a
field, and in every text by the shape of what stands in it. Names of people have no shape: nobody may log them.
"""

import functools
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

MASK: Final = "***"
# Written by ourselves from what cannot be personal, and looked at in every line.
_PLAIN: Final = frozenset({"at", "level", "logger", "request_id", "method", "route"})
_SECRET_FIELD: Final = re.compile(
    r"password|passwd|secret|token|authori[sz]ation|cookie|api_?key|private_?key|challenge|recovery_code|seed|otp"
    r"|e_?mail|phone|iban|account_number|date_of_birth|tax_id",
    re.IGNORECASE,
)
_DEEPEST: Final = 20
_LONGEST: Final = 8_000
_SHORT: Final = 64


def _named(found: re.Match[str]) -> str:
    return f"{found['name']}{MASK}"


def _opaque(found: re.Match[str]) -> str:
    # A hash in hexadecimal and a name with underscores look alike as long, and are no secrets.
    text = found[0]
    mixed = any(one.islower() for one in text) and any(one.isupper() for one in text)
    return MASK if mixed and not text.isalpha() else text


def _iban(found: re.Match[str]) -> str:
    # In capitals whatever looks like one; otherwise by its check digits, since a hash can look like one.
    number = found[0]
    turned = "".join(str(int(one, 36)) for one in number[4:] + number[:4])
    return MASK if number.isupper() or int(turned) % 97 == 1 else number


# In this order: what holds another one comes first.
_SHAPES: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = (
    # PostgreSQL tells the values of the row that it refuses.
    (re.compile(r"(?P<name>Failing row contains )\(.*?\)(?=\.|$)", re.DOTALL), _named),
    (re.compile(r"(?P<name>Key \(.*?\)=)\(.*?\)(?= |\.|$)"), _named),
    (re.compile(r"\beyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)?"), MASK),
    (re.compile(r"\bSG\.[\w-]{4,}\.[\w-]+"), MASK),
    (re.compile(r"(?P<name>\b(?:bearer|basic)\s+)[\w.~+/=-]{4,}", re.IGNORECASE), _named),
    (re.compile(r"(?P<name>://)[^\s/@]+(?=@)"), _named),
    (
        re.compile(
            r"""(?P<name>\b[\w-]{0,40}(?:password|passwd|secret|token|api_?key|authorization)["']?\s*[:=]\s*)"""
            r"""(?:"[^"]*"|'[^']*'|[^\s,;&"'}]+)""",
            re.IGNORECASE,
        ),
        _named,
    ),
    # A mailbox may be made of delimiters alone (`{@bank.example`): then the domain is what there is to hide.
    (re.compile(r"""[^\s@<>"'(),:;=\[\]{}]{1,64}@[\w-]+(?:\.[\w-]+)*|@[\w-]+(?:\.[\w-]+)+"""), MASK),
    (re.compile(r"(?<![\w-])[a-zA-Z]{2}\d{2}[a-zA-Z\d]{11,30}(?![\w-])"), _iban),
    (re.compile(r"(?<![\w-])[A-Z]{2}\d{2}(?:\s[A-Z\d]{4}){2,7}(?:\s[A-Z\d]{1,3})?(?![\w-])"), MASK),
    (re.compile(r"\+\d(?:[\s().-]{0,2}\d){6,14}(?!\d)"), MASK),
    (re.compile(r"(?<![\w.-])\d{4}(?:\s\d{4}){1,7}(?:\s\d{1,4})?(?![\w-])"), MASK),
    (re.compile(r"(?<![\w.-])\d{8,34}(?![\w-]|\.\d)"), MASK),
    (re.compile(r"(?<![\w-])[\w-]{40,}(?![\w-])"), _opaque),
)
# Most texts have none of the shapes; this says so at once.
_SUSPICIOUS: Final = re.compile(
    r"[@+=]|\d{8}|\d{4}\s|[\w-]{40}|://|eyJ|SG\.|[a-z]{2}\d{2}|bearer|basic|secret|token|passw|key|Failing row",
    re.IGNORECASE,
)


def masked_text(text: str) -> str:
    """`text` with everything that has the shape of a secret or of personal data made unrecognisable."""
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    if not _SUSPICIOUS.search(text):
        return text
    for shape, instead in _SHAPES:
        text = shape.sub(instead, text)
    return text


@functools.lru_cache(maxsize=4096)
def _masked_short(text: str) -> str:
    # Events, codes and ids come again and again.
    return masked_text(text)


@functools.lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return name != "event" and _SECRET_FIELD.search(name) is not None


def masked_event(_: Any, __: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the log, masked: a processor of structlog."""
    return {name: value if name in _PLAIN else _masked(name, value, 0) for name, value in event.items()}


def _masked(name: str, value: Any, depth: int) -> Any:
    match value:
        case None | bool() | int() | float():
            # Counts and durations; what is secret is text.
            return value
        case str():
            return MASK if _is_secret(name) else masked_text(value) if len(value) > _SHORT else _masked_short(value)
        case _ if depth >= _DEEPEST:
            return MASK
        case Mapping():
            return {masked_text(str(key)): _masked(str(key), item, depth + 1) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(name, item, depth + 1) for item in value]
    return _masked(name, repr(value), depth)
