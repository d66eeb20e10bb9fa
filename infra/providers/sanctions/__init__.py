"""Where lists come from: an address on the web, or a file or folder."""

from infra.providers.sanctions.sources import Fetched, Fetcher, Known

__all__ = ["Fetched", "Fetcher", "Known"]
