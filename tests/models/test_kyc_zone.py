"""Whether a document's zone is of the customer."""

from datetime import date

import pytest

from models.kyc.mrz import Mrz, MrzFormat
from models.kyc.zone import disagreement

BORN = date(1990, 5, 17)


def zone(surname: str, given: str, birth: date | None = BORN, expires: date | None = None) -> Mrz:
    return Mrz(
        format=MrzFormat.TD3, document_code="P", issuer="UTO", number="L898902C3", surname=surname, given_names=given,
        nationality="UTO", birth_date=birth, sex="F", expires_at=expires,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("read", "first", "last"),
    [
        (zone("ERIKSSON", "ANNA MARIA"), "Anna", "Eriksson"),
        (zone("MUELLER", "JOERG"), "Jörg", "Müller"),
        (zone("MULLER", "JORG"), "Jörg", "Müller"),
        (zone("STRAUSS", "ZOE"), "Zoë", "Strauß"),
        (zone("VAN DER MEER", "JAN"), "Jan", "van der Meer"),
        (zone("O CONNOR", "SINEAD"), "Sinéad", "O'Connor"),
        (zone("PAPADOPOULOSIOANN", "ELENI"), "Eleni", "Papadopoulosioannidou"),
        (zone("ERIKSSON", "ANNA", birth=None), "Anna Maria", "Eriksson"),
    ],
)
def test_the_same_person_agrees(read: Mrz, first: str, last: str) -> None:
    assert disagreement(read, first, last, BORN, None) == []


def test_each_difference_is_named() -> None:
    read = zone("ERIKSSON", "ANNA", expires=date(2030, 1, 1))
    assert disagreement(read, "Anna", "Erikson", BORN, None) == ["surname"]
    assert disagreement(read, "Hanna", "Eriksson", BORN, None) == ["given_names"]
    assert disagreement(read, "Anna", "Eriksson", date(1990, 5, 18), None) == ["birth_date"]
    assert disagreement(read, "Anna", "Eriksson", BORN, date(2031, 1, 1)) == ["expires_at"]
    assert disagreement(zone("", ""), "Anna", "Eriksson", None, None) == ["surname", "given_names", "birth_date"]
