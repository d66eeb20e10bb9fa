"""What OFAC's formats share: kinds of entries, kinds of numbers, what programmes are called."""

import re
from collections.abc import Iterable
from typing import Any, Final

from infra.watchlists.dates import country_code
from models.screening import IdentifierKind, Kind

KINDS: Final[dict[str, Kind]] = {
    "individual": Kind.PERSON,
    "entity": Kind.ENTITY,
    "": Kind.ENTITY,
    "vessel": Kind.VESSEL,
    "aircraft": Kind.AIRCRAFT,
}
# By how OFAC's words for a number begin, the first that fits.
_NUMBERS: Final[tuple[tuple[re.Pattern[str], IdentifierKind], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (
        (r"swift", IdentifierKind.BIC),
        (r"legal entity (number|identifier)|lei\b", IdentifierKind.LEI),
        (r"vessel registration identification|imo number", IdentifierKind.IMO),
        (r"(diplomatic |stateless person |refugee )?passport", IdentifierKind.PASSPORT),
        (r"tax id|.*\btax\b|rfc|c\.?u\.?i\.?t|nit #|fiscal code|v\.?a\.?t", IdentifierKind.TAX),
        (r"national (foreign )?id|identification number|personal id|cedula|ssn|citizen", IdentifierKind.NATIONAL_ID),
        (
            (
                r"registration (number|id)|registered|company number|commercial registry|trade license|c\.?r\.? no"
                r"|business (registration|number)|public registration|chamber of commerce|unified social credit"
            ),
            IdentifierKind.REGISTRATION,
        ),
    )
)
_IMO: Final = re.compile(r"\d{7}")


def identifier(called: str, value: str, country: str | None) -> dict[str, Any] | None:
    """A number by what OFAC calls it. None for what is no number of the entry itself: addresses of websites, remarks
    on the programme, and what has no kind here."""
    for pattern, kind in _NUMBERS:
        if pattern.match(called.strip()):
            if kind is IdentifierKind.IMO:
                found = _IMO.search(value)
                value = found[0] if found else ""
            return {"kind": kind, "value": value, "country": country_code(country or "")} if value else None
    return None


def programs_and_topics(programs: Iterable[str]) -> tuple[list[str], list[str]]:
    """The programmes, and that whoever is under one is sanctioned."""
    return sorted({one.strip() for one in programs if one.strip()}), ["sanction"]
