"""OFAC's three comma-delimited files: SDN (12 columns), ALT (5), ADD (6), without headers, joined by the first column.

`-0-` stands for nothing. What has no column is in the remarks, in sentences that end with semicolons: dates of birth,
numbers, nationality, gender, and weak aliases in quotation marks. Remarks that are too long go on in SDN_COMMENTS. The
consolidated list has the same files with `CONS_PRIM`, `CONS_ALT`, `CONS_ADD`.
"""

import csv
import io
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Final

from infra.watchlists.dates import country_code, iso_dates
from infra.watchlists.ofac import KINDS, identifier, programs_and_topics
from infra.watchlists.reading import Reading, strings, truncated
from models.screening import Kind, ListedEntity
from models.screening.lists import ListRefused

# By role, the names that the files are published under.
_FILES: Final[dict[str, tuple[str, ...]]] = {
    "main": ("SDN.CSV", "CONS_PRIM.CSV"),
    "aliases": ("ALT.CSV", "CONS_ALT.CSV"),
    "addresses": ("ADD.CSV", "CONS_ADD.CSV"),
    "comments": ("SDN_COMMENTS.CSV", "CONS_COMMENTS.CSV"),
}
_COLUMNS: Final = {"main": 12, "aliases": 5, "addresses": 6, "comments": 2}
_NOTHING: Final = "-0-"
_BORN: Final = re.compile(r"(?:alt\. )?DOB (.+)", re.IGNORECASE)
_FROM: Final = re.compile(r"(?:alt\. )?(?:nationality|citizen|Nationality of Registration) (.+)", re.IGNORECASE)
_GENDER: Final = re.compile(r"Gender (Male|Female)", re.IGNORECASE)
_WEAK: Final = re.compile(r"a\.k\.a\. ['\"]([^'\"]+)['\"]", re.IGNORECASE)
_NUMBER: Final = re.compile(
    r"(?:alt\. )?([A-Za-z./# ]+?)[ :]+((?:IMO )?[A-Z0-9][\w/.-]*\d[\w/.-]*|[A-Z]{8}(?:[A-Z0-9]{3})?)(?: \(([^)]+)\))?"
)
# A file that was cut off within the last bytes ends without the mark of its end.
_ENDS: Final = (b"\n", b"\x1a")


def entities(reading: Reading) -> Iterator[ListedEntity]:
    """The entries of the folder or zip. Raises `ListRefused`."""
    with ExitStack() as stack:
        files = stack.enter_context(_opened(reading.path))
        aliases = _grouped(reading, files, "aliases")
        addresses = _grouped(reading, files, "addresses")
        comments = _grouped(reading, files, "comments")
        for row in _rows(reading, files, "main"):
            uid = row[0].strip()
            more = "".join(line[1] for line in comments.get(uid, ()) if line[1] != _NOTHING)
            if entity := reading.entity(
                uid,
                lambda row=row, uid=uid, more=more: _entry(  # type: ignore[misc] # bound now
                    row, aliases.get(uid, []), addresses.get(uid, []), more
                ),
            ):
                yield entity


@contextmanager
def _opened(path: Path) -> Iterator[dict[str, IO[bytes]]]:
    """The files by role."""
    with ExitStack() as stack:
        found: dict[str, IO[bytes]] = {}
        if path.is_dir():
            for one in sorted(path.iterdir()):
                if role := _role(one.name):
                    found[role] = stack.enter_context(one.open("rb"))
        else:
            try:
                archive = stack.enter_context(zipfile.ZipFile(path))
                broken = archive.testzip()
            except (zipfile.BadZipFile, OSError) as error:
                raise truncated(path, str(error)) from error
            if broken:
                raise truncated(path, f"{broken} in it is damaged")
            for name in archive.namelist():
                if role := _role(Path(name).name):
                    found[role] = stack.enter_context(archive.open(name))
        missing = {"main", "aliases", "addresses"} - found.keys()
        if missing:
            raise ListRefused(f"{path.name} lacks the files of {', '.join(sorted(missing))}")
        yield found


def _role(name: str) -> str | None:
    return next((role for role, names in _FILES.items() if name.upper() in names), None)


class _Ending(io.RawIOBase):
    """Passes bytes on and remembers the last of them."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.last = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = self._file.read(len(buffer))
        buffer[: len(read)] = read
        self.last = read[-1:] or self.last
        return len(read)


def _rows(reading: Reading, files: dict[str, IO[bytes]], role: str) -> Iterator[list[str]]:
    if role not in files:
        return
    ending = _Ending(files[role])
    text = io.TextIOWrapper(io.BufferedReader(ending), encoding="utf-8", errors="replace", newline="")
    try:
        for row in csv.reader(text, strict=True):
            if not row or row == ["\x1a"]:
                continue
            if len(row) < _COLUMNS[role] or not row[0].strip().isdigit():
                reading.note(f"{role} {row[0]}", f"{len(row)} columns where there should be {_COLUMNS[role]}")
                continue
            yield row
    except csv.Error as error:
        raise truncated(reading.path, f"{role}: {error}") from error
    if ending.last and ending.last not in _ENDS:
        raise truncated(reading.path, f"{role} ends within a line")


def _grouped(reading: Reading, files: dict[str, IO[bytes]], role: str) -> dict[str, list[list[str]]]:
    # A few megabytes, whatever the main file has.
    grouped: dict[str, list[list[str]]] = defaultdict(list)
    for row in _rows(reading, files, role):
        grouped[row[0].strip()].append(row)
    return grouped


def _said(value: str) -> str | None:
    bare = value.strip()
    return None if bare in {"", _NOTHING} else bare


def _entry(row: list[str], aliases: list[list[str]], addresses: list[list[str]], more: str) -> dict[str, Any]:
    kind = KINDS[(_said(row[2]) or "").casefold()]
    remarks = f"{_said(row[11]) or ''}{more}"
    sentences = strings(*(one.strip(" .") for one in remarks.split(";")))
    born = [day for one in sentences if (found := _BORN.fullmatch(one)) for day in iso_dates(found[1])]
    froms = [found[1] for one in sentences if (found := _FROM.fullmatch(one))]
    gender = next((found[1].casefold() for one in sentences if (found := _GENDER.fullmatch(one))), None)
    programs, topics = programs_and_topics((_said(row[3]) or "").replace("] [", ";").strip("[]").split(";"))
    return {
        "id": row[0].strip(),
        "kind": kind,
        "name": _turned(row[1], kind),
        "aliases": strings(*(_turned(one[3], kind) for one in aliases if _said(one[3]))),
        "weak_aliases": strings(*_WEAK.findall(remarks)),
        "birth_dates": strings(*born),
        "countries": strings(
            *(country_code(one) for one in froms),
            *(country_code(one[4]) for one in addresses if _said(one[4])),
            country_code(row[9]) if _said(row[9]) else None,
        ),
        "gender": gender,
        "identifiers": [number for one in sentences if (number := _number(one))],
        "addresses": strings(*(", ".join(strings(*(_said(part) for part in one[2:5]))) for one in addresses)),
        "programs": programs,
        "topics": topics,
    }


def _turned(name: str, kind: Kind) -> str:
    """`LAST, First` in the order that it is said in."""
    last, comma, first = name.strip().partition(", ")
    return f"{first} {last}" if comma and kind is Kind.PERSON else name.strip()


def _number(sentence: str) -> dict[str, Any] | None:
    found = _NUMBER.match(sentence)
    return identifier(found[1], found[2], found[3]) if found else None
