"""What counts as a complete payment instruction."""

from datetime import UTC, datetime
from typing import Any

import pytest

from models.bank import Charges, Party, PaymentInstruction
from models.errors import UnknownCurrency
from models.money import MAX_MINOR
from tests.factories.bank import aurum, beneficiary, instruction


class TestInstruction:
    @pytest.mark.parametrize(
        "changes",
        [
            {"message_id": "x" * 36},
            {"message_id": ""},
            {"message_id": "/ABC"},
            {"end_to_end_id": "A//B"},
            {"end_to_end_id": "ümlaut"},
            {"instruction_id": "x" * 17},
            {"uetr": "00000000-0000-1000-8000-000000000000"},
            {"amount_minor": 0},
            {"amount_minor": -1},
            {"amount_minor": 1.0},
            {"amount_minor": MAX_MINOR + 1},
            {"currency": "usd"},
            {"remittance": "x" * 141},
            {"purpose_code": "pay"},
            {"created_at": datetime(2026, 11, 20)},  # noqa: DTZ001 the point of the case
            {"initiating_bank": aurum(bic=None)},
            {"creditor": beneficiary(account=None)},
            {"creditor_agent": Party(name="Somewhere")},
            {"charges": Charges.OUR, "deducted_minor": 1},
            {"surprise": 1},
        ],
    )
    def test_what_is_no_instruction(self, changes: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="validation error"):
            instruction(**changes)

    def test_a_currency_that_the_bank_does_not_keep(self) -> None:
        with pytest.raises(UnknownCurrency):
            instruction(currency="XAU")

    def test_it_travels_as_json(self) -> None:
        there = instruction(created_at=datetime(2026, 11, 20, 9, 30, 1, 5, tzinfo=UTC))

        assert PaymentInstruction.model_validate_json(there.model_dump_json()) == there
