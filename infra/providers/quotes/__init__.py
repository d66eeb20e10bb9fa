"""Where prices come from: the simulated exchange."""

from sqlalchemy.ext.asyncio import AsyncEngine

from infra.providers.quotes.provider import QuoteProvider
from infra.providers.quotes.sessions import SessionBook
from infra.providers.quotes.simulated import SimulatedExchange

__all__ = ["QuoteProvider", "SessionBook", "open_quotes"]


def open_quotes(engine: AsyncEngine) -> tuple[QuoteProvider, SessionBook]:
    """The source of prices, and the sessions that it goes by."""
    book = SessionBook(engine)
    return SimulatedExchange(book), book
