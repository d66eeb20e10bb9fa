"""Lists as their publishers write them, with invented entries: OFAC's XML and CSV, OpenSanctions' lines and table."""

import json
from pathlib import Path
from typing import Any

_ENTRIES = """
  <sdnEntry>
    <uid>101</uid><firstName>Viktor</firstName><lastName>GRIMSHOLM</lastName><sdnType>Individual</sdnType>
    <programList><program>SDGT</program><program>CYBER2</program></programList>
    <idList>
      <id><uid>1</uid><idType>Passport</idType><idNumber>NX4471902</idNumber><idCountry>Norway</idCountry></id>
      <id><uid>2</uid><idType>Gender</idType><idNumber>Male</idNumber></id>
      <id><uid>3</uid><idType>Website</idType><idNumber>www.grimsholm.example</idNumber></id>
    </idList>
    <akaList>
      <aka><uid>4</uid><type>a.k.a.</type><category>strong</category><lastName>GRIMSHOLME</lastName>
        <firstName>Victor</firstName></aka>
      <aka><uid>5</uid><type>a.k.a.</type><category>weak</category><lastName>DER GRAUE</lastName></aka>
    </akaList>
    <addressList><address><uid>6</uid><address1>4 Harbour Street</address1><city>Oslo</city><country>Norway</country>
      </address></addressList>
    <nationalityList><nationality><uid>7</uid><country>Russia</country><mainEntry>true</mainEntry></nationality>
      </nationalityList>
    <dateOfBirthList>
      <dateOfBirthItem><uid>8</uid><dateOfBirth>09 Apr 1961</dateOfBirth><mainEntry>true</mainEntry></dateOfBirthItem>
      <dateOfBirthItem><uid>9</uid><dateOfBirth>circa 1962</dateOfBirth><mainEntry>false</mainEntry></dateOfBirthItem>
    </dateOfBirthList>
  </sdnEntry>
  <sdnEntry>
    <uid>102</uid><lastName>BANK OF NOWHERE</lastName><sdnType>Entity</sdnType>
    <programList><program>IRAN</program></programList>
    <idList><id><uid>10</uid><idType>SWIFT/BIC</idType><idNumber>NOWHNL2A</idNumber></id></idList>
  </sdnEntry>
  <sdnEntry>
    <uid>103</uid><lastName>OBSIDIAN TERN</lastName><sdnType>Vessel</sdnType>
    <programList><program>IRAN</program></programList>
    <idList><id><uid>11</uid><idType>Vessel Registration Identification</idType><idNumber>IMO 9999993</idNumber></id>
      </idList>
    <vesselInfo><callSign>T2DR4</callSign><vesselType>Crude Oil Tanker</vesselType><vesselFlag>Panama</vesselFlag>
      </vesselInfo>
  </sdnEntry>
"""
BAD_ENTRY = "<sdnEntry><uid>104</uid><sdnType>Individual</sdnType></sdnEntry>"
NAMESPACE = "https://sanctionslistservice.ofac.treas.gov/api/PublicationPreview/exports/XML"


def filler(count: int) -> str:
    """So many more companies in OFAC's XML."""
    return "".join(
        f"<sdnEntry><uid>{n}</uid><lastName>Cinderholt Works {n}</lastName><sdnType>Entity</sdnType>"
        "<programList><program>SDGT</program></programList></sdnEntry>"
        for n in range(1000, 1000 + count)
    )


def sdn_xml(more: str = "", *, count: int | None = None, day: str = "11/20/2026", namespace: str = NAMESPACE) -> str:
    """SDN.XML with three entries and `more`; it says that it has `count` records, as many as it has unless given."""
    counted = 3 + more.count("<sdnEntry>") if count is None else count
    return (
        f'<?xml version="1.0" standalone="yes"?>\n<sdnList xmlns="{namespace}"><publshInformation>'
        f"<Publish_Date>{day}</Publish_Date><Record_Count>{counted}</Record_Count></publshInformation>"
        f"{_ENTRIES}{more}</sdnList>"
    )


_SDN = (
    '101,"GRIMSHOLM, Viktor","individual","SDGT] [CYBER2",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"DOB 09 Apr 1961; alt. DOB'
    " circa 1962; nationality Russia; Gender Male; Passport NX4471902 (Norway); a.k.a. 'DER GRAUE'.\"\r\n"
    '102,"BANK OF NOWHERE",-0- ,"IRAN",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,"SWIFT/BIC NOWHNL2A; all offices'
    ' worldwide."\r\n'
    '103,"OBSIDIAN TERN","vessel","IRAN",-0- ,"T2DR4","Crude Oil Tanker","298,731","156,809","Panama",-0- ,"Vessel'
    ' Registration Identification IMO 9999993; MMSI 572442210 (vessel)."\r\n'
)
_ALT = '101,501,"aka","GRIMSHOLME, Victor",-0- \r\n'
_ADD = '101,601,"4 Harbour Street","Oslo","Norway",-0- \r\n102,602,-0- ,-0- ,"Netherlands",-0- \r\n'


def ofac_folder(folder: Path, *, main: str = _SDN + "\x1a") -> Path:
    """SDN.CSV, ALT.CSV and ADD.CSV with the same entries as `sdn_xml`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("SDN.CSV", main), ("ALT.CSV", _ALT), ("ADD.CSV", _ADD)):
        (folder / name).write_text(content, encoding="utf-8", newline="")
    return folder


def ftm_lines() -> list[dict[str, Any]]:
    """Entities as targets.nested.json has them: a person, a bank, a ship, and an address that is no target."""
    return [
        {
            "id": "NK-grim", "caption": "Viktor Grimsholm", "schema": "Person", "target": True,
            "referents": ["ofac-101"], "datasets": ["us_ofac_sdn"], "last_change": "2026-11-19T08:00:00",
            "properties": {
                "name": ["Viktor Grimsholm", "Виктор Гримшолм"], "alias": ["Victor Grimsholme"],
                "weakAlias": ["Der Graue"], "birthDate": ["1961-04-09"], "nationality": ["ru"], "gender": ["male"],
                "topics": ["sanction", "role.pep"], "passportNumber": ["NX4471902"],
                "addressEntity": [
                    {"id": "a1", "schema": "Address", "properties": {"full": ["4 Harbour Street, Oslo"]}},
                ],
                "sanctions": [{"id": "s1", "schema": "Sanction", "properties": {"program": ["SDGT"]}}],
            },
        },
        {
            "id": "NK-bank", "caption": "Bank of Nowhere", "schema": "Company", "target": True, "datasets": ["x"],
            "last_change": "2026-11-20T08:00:00",
            "properties": {"name": ["Bank of Nowhere"], "topics": ["sanction", "fin.bank"], "swiftBic": ["NOWHNL2A"],
                           "leiCode": ["5493001KJTIIGC8Y1R12"], "country": ["nl"]},
        },
        {
            "id": "NK-ship", "caption": "Obsidian Tern", "schema": "Vessel", "target": True, "datasets": ["x"],
            "properties": {"name": ["Obsidian Tern"], "imoNumber": ["IMO9999993"], "flag": ["pa"]},
        },
        {"id": "addr-1", "caption": "Oslo", "schema": "Address", "target": False, "properties": {"full": ["Oslo"]}},
    ]  # fmt: skip


def ftm_file(path: Path, *, more: str = "") -> Path:
    """The entities as a file of lines, and `more` after them."""
    path.write_text("".join(f"{json.dumps(one, ensure_ascii=False)}\n" for one in ftm_lines()) + more, encoding="utf-8")
    return path


TABLE = (
    '"id","schema","name","aliases","birth_date","countries","addresses","identifiers","sanctions","phones","emails",'
    '"program_ids","dataset","first_seen","last_seen","last_change"\n'
    '"NK-grim","Person","Viktor Grimsholm","Victor Grimsholme;Виктор Гримшолм","1961-04-09","ru;no","4 Harbour Street",'
    '"NX4471902","Listed","","","US-SDGT","OFAC","2020-01-01","2026-11-20","2026-11-19T08:00:00"\n'
    '"NK-ship","Vessel","Obsidian Tern","","","pa","","IMO9999993","Listed","","","US-IRAN","OFAC","2020-01-01",'
    '"2026-11-20","2026-11-20T08:00:00"\n'
)
