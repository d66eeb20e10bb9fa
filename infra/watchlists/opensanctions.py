"""OpenSanctions: FollowTheMoney entities, one JSON object a line, and the simple table of targets.

`targets.nested.json` has each target with its sanctions and addresses inside; `entities.ftm.json` has them as entities
of their own, of which those that are no target (addresses, ownership …) are passed over. In `targets.simple.csv`
several values stand in one column, with semicolons.
"""

import csv
from collections.abc import Iterator
from typing import Any, Final

import orjson

from infra.watchlists.dates import country_code
from infra.watchlists.reading import Reading, strings, truncated
from models.screening import IdentifierKind, Kind, ListedEntity
from models.screening.lists import ListRefused

_KINDS: Final[dict[str, Kind]] = {
    "Person": Kind.PERSON,
    "Vessel": Kind.VESSEL,
    "Airplane": Kind.AIRCRAFT,
    **dict.fromkeys(("LegalEntity", "Company", "Organization", "PublicBody", "Asset"), Kind.ENTITY),
}
_NUMBERS: Final[dict[str, IdentifierKind]] = {
    "swiftBic": IdentifierKind.BIC,
    "leiCode": IdentifierKind.LEI,
    "imoNumber": IdentifierKind.IMO,
    "passportNumber": IdentifierKind.PASSPORT,
    "idNumber": IdentifierKind.NATIONAL_ID,
    "socialSecurityNumber": IdentifierKind.NATIONAL_ID,
    "taxNumber": IdentifierKind.TAX,
    "innCode": IdentifierKind.TAX,
    "vatCode": IdentifierKind.TAX,
    "registrationNumber": IdentifierKind.REGISTRATION,
    "ogrnCode": IdentifierKind.REGISTRATION,
    "uscCode": IdentifierKind.REGISTRATION,
}
_PLACES: Final = ("nationality", "citizenship", "country", "jurisdiction", "flag", "mainCountry")
_BANK_TOPIC: Final = "fin.bank"
_TABLE: Final = frozenset({"id", "schema", "name", "aliases", "birth_date", "countries"})


def entities_of_lines(reading: Reading) -> Iterator[ListedEntity]:
    """The targets of a file of JSON lines. Raises `ListRefused`."""
    number, line = 0, b"\n"
    with reading.path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                told = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                if not line.endswith(b"\n"):
                    raise truncated(reading.path, f"line {number} ends within a record") from error
                reading.note(f"line {number}", str(error))
                continue
            record = str(told.get("id", f"line {number}")) if isinstance(told, dict) else f"line {number}"
            if entity := reading.entity(record, lambda told=told: _of_ftm(reading, told)):  # type: ignore[misc] # bound
                yield entity
    if number == 0:
        raise ListRefused(f"{reading.path.name} is empty")


def _of_ftm(reading: Reading, told: dict[str, Any]) -> dict[str, Any] | None:
    properties: dict[str, list[Any]] = told["properties"]
    kind = _KINDS.get(told["schema"])
    if kind is None or not told.get("target", True):
        return None
    changed = told.get("last_change")
    if isinstance(changed, str):
        reading.published = max(reading.published or "", changed[:10])
    topics = strings(*properties.get("topics", ()))
    if kind is Kind.ENTITY and _BANK_TOPIC in topics:
        kind = Kind.BANK
    names = strings(told.get("caption"), *properties.get("name", ()))
    sanctions = [one for one in properties.get("sanctions", ()) if isinstance(one, dict)]
    programs = [
        *properties.get("programId", ()),
        *(p for one in sanctions for key in ("programId", "program") for p in one["properties"].get(key, ())),
    ]
    addresses = [one for one in properties.get("addressEntity", ()) if isinstance(one, dict)]
    return {
        "id": told["id"],
        "kind": kind,
        "name": names[0],
        "aliases": [
            one for one in strings(*names, *properties.get("alias", ()), *properties.get("previousName", ()))
            if one != names[0]
        ],
        "weak_aliases": strings(*properties.get("weakAlias", ())),
        "birth_dates": strings(*properties.get("birthDate", ())),
        "countries": strings(*(country_code(one) for key in _PLACES for one in properties.get(key, ()))),
        "gender": next(iter(properties.get("gender", ())), None),
        "identifiers": [
            {"kind": kind_of_number, "value": value}
            for key, kind_of_number in _NUMBERS.items()
            for value in strings(*properties.get(key, ()))
        ],
        "addresses": strings(
            *(one for one in properties.get("address", ()) if isinstance(one, str)),
            *(full for one in addresses for full in one["properties"].get("full", ())),
        ),
        "programs": strings(*programs),
        "topics": topics,
        "referents": strings(*told.get("referents", ())),
    }  # fmt: skip


def entities_of_table(reading: Reading) -> Iterator[ListedEntity]:
    """The targets of `targets.simple.csv`. Raises `ListRefused`."""
    with reading.path.open("rb") as raw:
        raw.seek(0, 2)
        if raw.tell() == 0:
            raise ListRefused(f"{reading.path.name} is empty")
        raw.seek(-1, 2)
        if raw.read(1) != b"\n":
            raise truncated(reading.path, "it ends within a line")
    with reading.path.open(encoding="utf-8", errors="replace", newline="") as file:
        table = csv.DictReader(file, strict=True)
        if not set(table.fieldnames or ()) >= _TABLE:
            raise ListRefused(f"{reading.path.name} is no targets.simple.csv: columns {table.fieldnames}")
        try:
            for row in table:
                record = row.get("id") or f"line {table.line_num}"
                if None in row.values() or None in row:
                    reading.note(record, "not as many columns as the header has")
                    continue
                if entity := reading.entity(record, lambda row=row: _of_table(reading, row)):  # type: ignore[misc] # bound
                    yield entity
        except csv.Error as error:
            raise truncated(reading.path, f"line {table.line_num}: {error}") from error


def _of_table(reading: Reading, row: dict[str, str]) -> dict[str, Any] | None:
    kind = _KINDS.get(row["schema"])
    if kind is None:
        return None
    reading.published = max(reading.published or "", row.get("last_change", "")[:10]) or None

    def values(column: str) -> list[str]:
        return strings(*row.get(column, "").split(";"))

    return {
        "id": row["id"],
        "kind": kind,
        "name": row["name"].strip(),
        "aliases": values("aliases"),
        "birth_dates": values("birth_date"),
        "countries": strings(*(country_code(one) for one in values("countries"))),
        "identifiers": [{"kind": _kind_of(one), "value": one} for one in values("identifiers")],
        "addresses": values("addresses"),
        "programs": values("program_ids"),
        # The table does not tell topics; who is in it for sanctions has some.
        "topics": ["sanction"] if row.get("sanctions") else [],
    }


def _kind_of(number: str) -> IdentifierKind:
    # The table does not tell what a number is of; that of a ship shows.
    return IdentifierKind.IMO if number.upper().startswith("IMO") else IdentifierKind.OTHER
