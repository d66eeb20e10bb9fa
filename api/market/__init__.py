"""Market data by HTTP: securities, quotes, charts, and when the market is open (contract §8)."""

from api.market.routes import router

__all__ = ["router"]
