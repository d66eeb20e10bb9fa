"""Days and countries as lists write them, in the form that they are kept in."""

import re
from datetime import datetime
from functools import lru_cache
from typing import Final

import pycountry

# How OFAC calls countries, where ISO 3166 has another name.
_CALLED: Final[dict[str, str]] = {
    "bolivia": "BO", "brunei": "BN", "burma": "MM", "cape verde": "CV", "congo, democratic republic of the": "CD",
    "congo, republic of the": "CG", "cote d ivoire": "CI", "cote d'ivoire": "CI", "czech republic": "CZ", "iran": "IR",
    "korea, north": "KP", "korea, south": "KR", "kosovo": "XK", "laos": "LA", "macau": "MO", "macedonia": "MK",
    "micronesia": "FM", "moldova": "MD", "north korea": "KP", "palestinian": "PS", "republic of the congo": "CG",
    "russia": "RU", "saint kitts and nevis": "KN", "south korea": "KR", "swaziland": "SZ", "syria": "SY",
    "taiwan": "TW", "tanzania": "TZ", "the bahamas": "BS", "bahamas, the": "BS", "the gambia": "GM",
    "gambia, the": "GM", "turkey": "TR", "united states": "US", "venezuela": "VE", "vietnam": "VN", "west bank": "PS",
}  # fmt: skip
_SHAPES: Final = (
    ("%d %b %Y", "%Y-%m-%d"),
    ("%d %B %Y", "%Y-%m-%d"),
    ("%b %Y", "%Y-%m"),
    ("%B %Y", "%Y-%m"),
    ("%Y", "%Y"),
    ("%Y-%m-%d", "%Y-%m-%d"),
    ("%Y-%m", "%Y-%m"),
    ("%m/%d/%Y", "%Y-%m-%d"),
)
_YEAR: Final = re.compile(r"\b(1[89]\d\d|20\d\d)\b")


@lru_cache(maxsize=8192)
def iso_dates(written: str) -> tuple[str, ...]:
    """A date in ISO form, to the precision it has: `16 Feb 1952`, `1952`, `circa 1950`, `1950 to 1952`.

    A span is its years. Nothing, where there is no year in it.
    """
    bare = written.strip().removeprefix("circa ").strip()
    for shape, kept in _SHAPES:
        try:
            return (datetime.strptime(bare, shape).strftime(kept),)  # noqa: DTZ007 # a day, in no zone
        except ValueError:
            continue
    years = [int(year) for year in _YEAR.findall(bare)]
    if len(years) == 2 and 0 <= years[1] - years[0] <= 10:
        return tuple(str(year) for year in range(years[0], years[1] + 1))
    return tuple(str(year) for year in dict.fromkeys(years))


@lru_cache(maxsize=4096)
def country_code(called: str) -> str | None:
    """The ISO 3166 code (two letters) of a country by its name or code; None for what is none."""
    name = called.strip()
    if len(name) == 2 and name.isalpha():
        return name.upper()
    if known := _CALLED.get(name.casefold()):
        return known
    try:
        code: str = pycountry.countries.lookup(name).alpha_2
    except LookupError:
        return None
    return code
