"""Watchlists: what a customer looks at, in lists with names of their own (contract §8)."""

from typing import Final

from models.errors import Conflict, RuleRefused

MOST_LISTS: Final = 50
MOST_ITEMS: Final = 200


class WatchlistExists(Conflict):
    """Two lists of one customer have different names."""

    code = "watchlist_exists"
    title = "There is a list of that name"


class TooManyWatched(RuleRefused):
    """So many lists, and so many securities on each."""

    code = "too_many_watched"
    title = "Too many"
