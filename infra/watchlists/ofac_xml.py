"""OFAC's SDN.XML and CONSOLIDATED.XML: one `sdnEntry` for each person, entity, vessel or aircraft.

The schema is the one of OFAC's "SDN data specification"; `publshInformation` is spelt as they spell it. It says how
many records there are, which is how a shortened file shows. Both namespaces that it was published under are read.
"""

from collections.abc import Iterator
from typing import Any, Final

from lxml import etree

from infra.watchlists.dates import country_code, iso_dates
from infra.watchlists.ofac import KINDS, identifier, programs_and_topics
from infra.watchlists.reading import Reading, strings, truncated
from models.screening import ListedEntity
from models.screening.lists import ListRefused

_ENTRY: Final = "{*}sdnEntry"
_PUBLISHED: Final = "{*}publshInformation"


def entities(reading: Reading) -> Iterator[ListedEntity]:
    """The entries of the file. Raises `ListRefused`."""
    expected: int | None = None
    seen = 0
    try:
        with reading.path.open("rb") as file:
            parsed = etree.iterparse(
                file, events=("end",), tag=(_ENTRY, _PUBLISHED), resolve_entities=False, no_network=True
            )
            for _, element in parsed:
                if etree.QName(element).localname == "publshInformation":
                    expected = _published(reading, element)
                else:
                    seen += 1
                    uid = _text(element, "uid") or f"record {seen}"
                    if entity := reading.entity(uid, lambda element=element: _entry(element)):  # type: ignore[misc] # bound now
                        yield entity
                element.clear()
                # What was read before it is let go, so that memory stays flat.
                while (before := element.getprevious()) is not None:
                    element.getparent().remove(before)
    except etree.XMLSyntaxError as error:
        raise truncated(reading.path, str(error)) from error
    if expected is None:
        raise ListRefused(f"{reading.path.name} is not an OFAC list: it has no publshInformation")
    if seen != expected:
        raise truncated(reading.path, f"it says that it has {expected} records, and has {seen}")


def _published(reading: Reading, element: etree._Element) -> int:
    day = _text(element, "Publish_Date")
    dates = iso_dates(day) if day else ()
    reading.published = dates[0] if dates else None
    count = _text(element, "Record_Count")
    if not count or not count.isdigit():
        raise ListRefused(f"{reading.path.name} does not say how many records it has")
    return int(count)


def _entry(element: etree._Element) -> dict[str, Any] | None:
    kind = KINDS[(_text(element, "sdnType") or "entity").casefold()]
    strong: list[str | None] = []
    weak: list[str | None] = []
    for aka in element.iterfind("{*}akaList/{*}aka"):
        (weak if (_text(aka, "category") or "").casefold() == "weak" else strong).append(_name(aka))
    numbers, gender = [], None
    for one in element.iterfind("{*}idList/{*}id"):
        kind_of_number, value = _text(one, "idType") or "", _text(one, "idNumber")
        if kind_of_number.casefold() == "gender" and value:
            gender = value.casefold()
        elif value and (number := identifier(kind_of_number, value, _text(one, "idCountry"))):
            numbers.append(number)
    countries = strings(
        *(
            country_code(called)
            for path in (
                "{*}nationalityList/{*}nationality/{*}country",
                "{*}citizenshipList/{*}citizenship/{*}country",
                "{*}addressList/{*}address/{*}country",
                "{*}vesselInfo/{*}vesselFlag",
            )
            for called in _texts(element, path)
        )
    )
    programs, topics = programs_and_topics(_texts(element, "{*}programList/{*}program"))
    born = _texts(element, "{*}dateOfBirthList/{*}dateOfBirthItem/{*}dateOfBirth")
    return {
        "id": _text(element, "uid"),
        "kind": kind,
        "name": _name(element),
        "aliases": strings(*strong),
        "weak_aliases": strings(*weak),
        "birth_dates": strings(*(day for written in born for day in iso_dates(written))),
        "countries": countries,
        "gender": gender,
        "identifiers": numbers,
        "addresses": strings(*(_address(one) for one in element.iterfind("{*}addressList/{*}address"))),
        "programs": programs,
        "topics": topics,
    }


def _name(element: etree._Element) -> str:
    return " ".join(strings(_text(element, "firstName"), _text(element, "lastName")))


def _address(element: etree._Element) -> str:
    parts = ("address1", "address2", "address3", "city", "stateOrProvince", "postalCode", "country")
    return ", ".join(strings(*(_text(element, part) for part in parts)))


def _text(element: etree._Element, name: str) -> str | None:
    return element.findtext(f"{{*}}{name}")


def _texts(element: etree._Element, path: str) -> list[str]:
    return [found.text for found in element.iterfind(path) if found.text]
