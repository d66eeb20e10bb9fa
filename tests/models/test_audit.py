"""Masking: the audit log recognises a thing again and tells nobody's secrets."""

from datetime import date
from typing import Any

import pytest

from models.audit import masked


@pytest.mark.parametrize(
    ("key", "value", "kept"),
    [
        ("email", "mira@people.example", "m***@people.example"),
        ("new_email", "x", "x***"),
        ("first_name", "Mira", "M***"),
        ("recipient_name", "Globex Ltd", "G***"),
        ("account_number", "NL91AURM0417164300", "***4300"),
        ("recipient_account_number", "12", "***"),
        ("phone", "+31201234567", "***4567"),
        ("date_of_birth", date(1988, 4, 12), "1988-**-**"),
        ("password", "harbour lantern quiet", "***"),
        ("refreshToken", "abc", "***"),
        ("totp_secret", "abc", "***"),
        ("code", "123456", "***"),
        ("purpose_code", "SALA", "SALA"),
        ("amount", "1000.00", "1000.00"),
        ("status", None, None),
        ("email_verified", True, True),
        ("email", None, None),
    ],
)
def test_a_value_is_masked_by_the_name_of_its_field(key: str, value: Any, kept: Any) -> None:
    assert masked({key: value}) == {key: kept}


def test_masking_reaches_what_is_nested() -> None:
    values = {"address": {"street": "Lindenweg", "town": "Utrecht"}, "people": [{"email": "a@b.example"}]}
    assert masked(values) == {"address": {"street": "L***", "town": "Utrecht"}, "people": [{"email": "a***@b.example"}]}
    assert masked(None) is None
