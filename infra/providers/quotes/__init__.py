"""Where prices come from: the simulated exchange, or Alpha Vantage."""

from datetime import timedelta

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.choices import QuotesKind
from infra.providers.quotes.alpha_vantage import SOURCE, AlphaVantage, AlphaVantageClient, Plan
from infra.providers.quotes.answers import Answers
from infra.providers.quotes.provider import QuoteProvider
from infra.providers.quotes.sessions import SessionBook
from infra.providers.quotes.simulated import SimulatedExchange
from infra.settings import Settings

__all__ = ["QuoteProvider", "SessionBook", "open_quotes"]


def open_quotes(settings: Settings, engine: AsyncEngine) -> tuple[QuoteProvider, SessionBook]:
    """The source of prices that `settings` name, and the sessions that it goes by. `engine`: of whoever asks."""
    book = SessionBook(engine)
    if settings.quotes_provider is QuotesKind.SIMULATED:
        return SimulatedExchange(book), book
    plan = Plan(
        key=settings.alpha_vantage_key or SecretStr(""),
        url=settings.alpha_vantage_url,
        a_day=settings.alpha_vantage_per_day or None,
        pause=timedelta(milliseconds=settings.alpha_vantage_pause_ms),
    )
    return AlphaVantage(AlphaVantageClient(engine, plan), Answers(engine, SOURCE), book), book
