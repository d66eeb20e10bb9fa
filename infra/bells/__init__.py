"""Bells: what tells the processes of the API that something was committed, so that they look (design §5).

A bell says what to look at and no more; the rows say what happened. By PostgreSQL's LISTEN and NOTIFY, or by Redis
where it is named: then one process listens to PostgreSQL and passes on to all.
"""

from infra.bells.postgres import ALL, Bell, PostgresBell
from infra.bells.redis import RedisBell
from infra.settings import Settings

__all__ = ["ALL", "Bell", "PostgresBell", "open_bell"]


def open_bell(settings: Settings) -> Bell:
    """The bell that `settings` name."""
    postgres = PostgresBell(settings.database_api_url.get_secret_value())
    return RedisBell(settings.redis_url.get_secret_value(), postgres) if settings.redis_url else postgres
