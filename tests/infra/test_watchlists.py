"""Published lists: what is read of each format, and which files are refused."""

import tracemalloc
import zipfile
from pathlib import Path

import pytest

from infra.watchlists import BUNDLED_FILE
from infra.watchlists.dates import country_code, iso_dates
from infra.watchlists.importing import read
from infra.watchlists.reading import Reading
from models.screening import IdentifierKind, Kind, ListedEntity
from models.screening.lists import ListRefused
from models.screening.sources import Format
from tests.factories import lists


def entities(path: Path, format_: Format) -> tuple[Reading, dict[str, ListedEntity]]:
    """The entries of a file by id."""
    reading, found = read(path, format_)
    return reading, {one.id: one for one in found}


def written(folder: Path, content: str, name: str = "SDN.XML") -> Path:
    """A file with that content."""
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize("namespace", [lists.NAMESPACE, "https://tempuri.org/sdnList.xsd"])
def test_an_sdn_entry_is_read_whole(tmp_path: Path, namespace: str) -> None:
    reading, found = entities(written(tmp_path, lists.sdn_xml(namespace=namespace)), Format.OFAC_XML)
    person = found["101"]
    assert (person.kind, person.name, person.gender) == (Kind.PERSON, "Viktor GRIMSHOLM", "male")
    assert (person.aliases, person.weak_aliases) == (("Victor GRIMSHOLME",), ("DER GRAUE",))
    assert person.birth_dates == ("1961-04-09", "1962")
    assert person.countries == ("RU", "NO")
    assert [(one.kind, one.value, one.country) for one in person.identifiers] == [("passport", "NX4471902", "NO")]
    assert person.addresses == ("4 Harbour Street, Oslo, Norway",)
    assert person.programs == ("CYBER2", "SDGT")
    assert [(one.kind, one.normal) for one in found["102"].identifiers] == [(IdentifierKind.BIC, "NOWHNL2A")]
    ship = found["103"]
    assert (ship.kind, ship.countries) == (Kind.VESSEL, ("PA",))
    assert [(one.kind, one.normal) for one in ship.identifiers] == [(IdentifierKind.IMO, "9999993")]
    assert reading.published == "2026-11-20"


def test_both_formats_of_ofac_say_the_same(tmp_path: Path) -> None:
    _, by_xml = entities(written(tmp_path, lists.sdn_xml()), Format.OFAC_XML)
    _, by_csv = entities(lists.ofac_folder(tmp_path / "csv"), Format.OFAC_CSV)
    assert by_csv["101"] == by_xml["101"]
    assert by_csv["103"] == by_xml["103"]
    assert by_csv["102"].identifiers == by_xml["102"].identifiers
    archive = tmp_path / "sdn.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for one in (tmp_path / "csv").iterdir():
            packed.write(one, one.name)
    assert entities(archive, Format.OFAC_CSV)[1] == by_csv


def test_an_opensanctions_entity_is_read_whole(tmp_path: Path) -> None:
    reading, found = entities(lists.ftm_file(tmp_path / "targets.nested.json"), Format.OPENSANCTIONS_JSON)
    assert set(found) == {"NK-grim", "NK-bank", "NK-ship"}
    person = found["NK-grim"]
    assert (person.aliases, person.weak_aliases) == (("Виктор Гримшолм", "Victor Grimsholme"), ("Der Graue",))
    assert (person.countries, person.gender, person.birth_dates) == (("RU",), "male", ("1961-04-09",))
    assert (person.topics, person.referents) == (("sanction", "role.pep"), ("ofac-101",))
    assert (person.addresses, person.programs) == (("4 Harbour Street, Oslo",), ("SDGT",))
    assert (found["NK-bank"].kind, len(found["NK-bank"].identifiers)) == (Kind.BANK, 2)
    assert reading.published == "2026-11-20"
    _, table = entities(written(tmp_path, lists.TABLE, "targets.simple.csv"), Format.OPENSANCTIONS_CSV)
    assert table["NK-grim"].countries == ("RU", "NO")
    assert table["NK-ship"].identifiers[0].kind is IdentifierKind.IMO


def test_a_record_that_cannot_be_read_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    reading, found = entities(written(tmp_path, lists.sdn_xml(lists.BAD_ENTRY)), Format.OFAC_XML)
    assert set(found) == {"101", "102", "103"}
    assert [problem.record for problem in reading.problems] == ["104"]
    nameless = '{"id": "NK-x", "schema": "Person", "properties": {"name": []}}'
    more = f'{nameless}\nno json\n[]\n{{"id": "NK-y", "schema": "Person"}}\n'
    reading, found = entities(lists.ftm_file(tmp_path / "t.json", more=more), Format.OPENSANCTIONS_JSON)
    assert len(found) == 3
    assert [problem.record for problem in reading.problems] == ["NK-x", "line 6", "line 7", "NK-y"]


@pytest.mark.parametrize(
    ("content", "format_"),
    [
        (lists.sdn_xml()[:-200], Format.OFAC_XML),
        (lists.sdn_xml(count=4), Format.OFAC_XML),
        ("<html><body>Service unavailable</body></html>", Format.OFAC_XML),
        ("", Format.OFAC_XML),
        (lists.TABLE[:-20], Format.OPENSANCTIONS_CSV),
        ("a,b\n1,2\n", Format.OPENSANCTIONS_CSV),
        ("", Format.OPENSANCTIONS_CSV),
        ('{"id": "NK-x", "schema": "Per', Format.OPENSANCTIONS_JSON),
        ("", Format.OPENSANCTIONS_JSON),
        ("PK\x03\x04 no zip", Format.OFAC_CSV),
        ('{"entries": 4}', Format.AURUM_JSON),
        ('{"entries": [', Format.AURUM_JSON),
    ],
)
def test_a_file_that_is_not_whole_is_refused(tmp_path: Path, content: str, format_: Format) -> None:
    with pytest.raises(ListRefused):
        entities(written(tmp_path, content), format_)


def test_csv_files_that_were_cut_off_are_refused(tmp_path: Path) -> None:
    folder = lists.ofac_folder(tmp_path / "csv", main='101,"GRIMSHOLM, Viktor","individual","SDGT",-0- ,-0')
    with pytest.raises(ListRefused):
        entities(folder, Format.OFAC_CSV)
    (folder / "ADD.CSV").unlink()
    with pytest.raises(ListRefused, match="addresses"):
        entities(folder, Format.OFAC_CSV)


def test_an_xml_file_cannot_reach_out_or_explode(tmp_path: Path) -> None:
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "x"><!ENTITY b "&a;&a;"><!ENTITY c SYSTEM "file:///etc/hostname">]>'
        f"{lists.sdn_xml().split(chr(10), 1)[1].replace('BANK OF NOWHERE', '&b;&c;')}"
    )
    reading, found = entities(written(tmp_path, bomb), Format.OFAC_XML)
    assert "102" not in found
    assert len(reading.problems) == 1


def test_memory_is_flat_however_long_a_list_is(tmp_path: Path) -> None:
    path = written(tmp_path, lists.sdn_xml(lists.filler(20_000)))
    tracemalloc.start()
    try:
        _, found = read(path, Format.OFAC_XML)
        assert sum(1 for _ in found) == 20_003
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def test_the_bundled_list_is_whole() -> None:
    reading, found = entities(BUNDLED_FILE, Format.AURUM_JSON)
    assert not reading.problems
    assert {"AD-P-001", "AD-E-001", "AD-B-001", "AD-V-001"} <= set(found)


@pytest.mark.parametrize(
    ("said", "kept"),
    [("16 Feb 1952", ("1952-02-16",)), ("Feb 1952", ("1952-02",)), ("1952", ("1952",)), ("circa 1952", ("1952",)),
     ("1950 to 1952", ("1950", "1951", "1952")), ("1940 to 1990", ("1940", "1990")), ("unknown", ())],
)  # fmt: skip
def test_dates_are_kept_to_the_precision_they_have(said: str, kept: tuple[str, ...]) -> None:
    assert iso_dates(said) == kept


def test_countries_are_codes() -> None:
    assert [country_code(one) for one in ("Russia", "Korea, North", "Burma", "Norway", "nl", "undetermined", "")] == [
        "RU", "KP", "MM", "NO", "NL", None, None,
    ]  # fmt: skip
