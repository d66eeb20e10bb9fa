"""Whether the machine-readable zone of a document says what the customer's profile says.

A zone has capitals without accents, written by ICAO's table (Doc 9303-3, 6) or with the accent dropped, and cuts long
names off; so a name agrees where one form of it begins like the other.
"""

import unicodedata
from datetime import date
from typing import Final

from models.kyc.mrz import Mrz

# What ICAO writes for letters that lose more than an accent.
_SPELLED: Final = str.maketrans(
    {"Ä": "AE", "Ö": "OE", "Ü": "UE", "Å": "AA", "ß": "SS", "Æ": "AE", "Ø": "OE", "Œ": "OE", "Þ": "TH", "Ð": "D",
     "Ł": "L", "Đ": "D", "ı": "I"}
)  # fmt: skip


def disagreement(zone: Mrz, first_name: str, last_name: str, birth: date | None, expires: date | None) -> list[str]:
    """What the zone says otherwise, of `surname`, `given_names`, `birth_date` and `expires_at`."""
    found = []
    if not _alike(zone.surname, last_name):
        found.append("surname")
    # A profile may leave out the second of two first names, and a zone may cut it off.
    if not _alike(zone.given_names.split(" ")[0], first_name.split(" ", maxsplit=1)[0]):
        found.append("given_names")
    if zone.birth_date is not None and zone.birth_date != birth:
        found.append("birth_date")
    if zone.expires_at is not None and expires is not None and zone.expires_at != expires:
        found.append("expires_at")
    return found


def _alike(zone: str, written: str) -> bool:
    read = _letters(zone)
    return bool(read) and any(
        form == read or (len(read) >= _CUT and form.startswith(read)) for form in _forms(written) if form
    )


# A name of a zone that is shorter than this was not cut off.
_CUT: Final = 12


def _forms(name: str) -> set[str]:
    upper = unicodedata.normalize("NFC", name).replace("ß", "ẞ").upper().replace("ẞ", "ß")
    return {_letters(upper), _letters(upper.translate(_SPELLED))}


def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.upper())
    return "".join(one for one in plain if "A" <= one <= "Z")
