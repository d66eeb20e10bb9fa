"""What Alpha Vantage means when it does not answer: errors come with HTTP 200 and are told by their words alone.

The order of the questions and the meanings are those of reference/brokerage.md §2, collected from who was bitten.
Their bodies may repeat our key, so none of them is logged or handed on.
"""

import re
from typing import Any, ClassVar, Final, NoReturn

from models.market import MarketDataUnavailable, SymbolNotFound

DAY_SECONDS: Final = 24 * 3600
_PREMIUM: Final = re.compile(r"premium (feature|endpoint)")
_BURST: Final = re.compile(r"sparingly|per second")
_PER_MINUTE: Final = re.compile(r"per minute|frequency")
_PER_DAY: Final = re.compile(r"per day")
_KEY: Final = re.compile(r"api ?key")


class KeyRefused(MarketDataUnavailable):
    """The key is wrong or missing: nothing to try again before somebody has mended that."""

    code: ClassVar[str] = "market_data_key_refused"


class QuotaExhausted(MarketDataUnavailable):
    """The calls of the day are spent."""

    code: ClassVar[str] = "market_data_quota_exhausted"


class TooFast(MarketDataUnavailable):
    """Asked again too soon. `pause` seconds later it may go."""

    code: ClassVar[str] = "market_data_too_fast"

    def __init__(self, detail: str, pause: float) -> None:
        super().__init__(detail, retry_after=max(1, round(pause)))
        self.pause = pause


class PremiumRequired(MarketDataUnavailable):
    """Our plan does not include this."""

    code: ClassVar[str] = "market_data_not_in_plan"


class NothingTold(MarketDataUnavailable):
    """An answer without what was asked for."""

    code: ClassVar[str] = "market_data_empty"


class SourceFailed(MarketDataUnavailable):
    """No answer, an error of theirs, or something that is no JSON: worth trying again."""

    code: ClassVar[str] = "market_data_source_failed"


def refuse(body: dict[str, Any]) -> None:
    """Raises what `body` means, if it is a refusal."""
    for member in ("Error Message", "Information", "Note"):
        if isinstance(body.get(member), str):
            _meaning(body[member].lower(), of_error=member == "Error Message")


def _meaning(words: str, *, of_error: bool) -> NoReturn:
    if _PREMIUM.search(words):
        raise PremiumRequired("The bank's source of prices does not include this", retry_after=DAY_SECONDS)
    if _BURST.search(words):
        raise TooFast("The source of prices was asked too fast", 1.5)
    if _PER_MINUTE.search(words):
        raise TooFast("The source of prices was asked too often in a minute", 60)
    if _PER_DAY.search(words):
        raise QuotaExhausted("The source of prices answers no more today", retry_after=3600)
    if _KEY.search(words) and not words.startswith("invalid api call"):
        raise KeyRefused("The source of prices refuses us", retry_after=3600)
    if of_error:
        raise SymbolNotFound("There is no such security")
    raise NothingTold("The source of prices told something else")
