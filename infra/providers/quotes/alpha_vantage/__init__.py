"""Alpha Vantage: prices of the exchanges of the United States, within what was bought (reference/brokerage.md §2)."""

from infra.providers.quotes.alpha_vantage.client import AlphaVantageClient, Plan
from infra.providers.quotes.alpha_vantage.shapes import SOURCE
from infra.providers.quotes.alpha_vantage.source import AlphaVantage

__all__ = ["SOURCE", "AlphaVantage", "AlphaVantageClient", "Plan"]
