"""What we write: valid by the published schema, by a counterparty's own reader, and by the rules of CBPR+."""

import re
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from mockbank import validate as counterparty

from infra.providers.bank import build_pacs008, build_pain001
from infra.providers.bank.charset import X_SET, always_in_x_set, in_x_set
from infra.providers.bank.elements import child
from infra.providers.bank.validate import validated
from models.bank import Charges, Party, PaymentInstruction, PostalAddress, UnwritableMessage
from models.money import EXPONENTS, MAX_MINOR
from tests.factories.bank import beneficiary, customer, instruction

TODAY = date(2026, 11, 20)

VARIANTS: dict[str, dict[str, Any]] = {
    "iban and bic": {},
    "account number and routing number": {
        "creditor": beneficiary(account="000123456789"),
        "creditor_agent": Party(name="JPMorgan Chase", clearing_member_id="021000021"),
    },
    "routing number with the bank's address": {
        "creditor": beneficiary(account="000123456789"),
        "creditor_agent": Party(
            name="JPMorgan Chase",
            clearing_member_id="021000021",
            address=PostalAddress(town="New York", country="US"),
        ),
    },
    "bic and routing number": {
        "creditor_agent": Party(name="JPMorgan Chase", bic="CHASUS33XXX", clearing_member_id="021000021")
    },
    "the bank of the older specification": {"creditor_agent": Party(name="Test Bank", bic="TESTUS33")},
    "sender pays": {"charges": Charges.OUR},
    "receiver pays, taken out": {"charges": Charges.BEN, "deducted_minor": 2_500},
    "receiver pays, nothing taken": {"charges": Charges.BEN},
    "no decimals": {"currency": "JPY", "amount_minor": 150_000},
    "three decimals": {"currency": "KWD", "amount_minor": 1},
    "largest amount": {"amount_minor": MAX_MINOR},
    "the least that is needed": {
        "initiating_bank": Party(name="Aurum Bank", bic="AURUNL2A"),
        "debtor": Party(name="Ada Lovelace"),
        "creditor": Party(name="Charles Babbage", account="DE89370400440532013000"),
        "purpose_code": None,
        "remittance": "",
    },
    "names of the world": {
        "debtor": customer(name="Zażółć Gęślą-Jaźń & Søn", address=PostalAddress(town="Łódź", country="PL")),
        "creditor": beneficiary(name="王小明", address=PostalAddress(town="東京", country="JP", street="—")),
        "remittance": "Facture n° 7 / été – 50 €",
    },
    "too long for the wire": {
        "debtor": customer(name="x" * 500, address=PostalAddress(town="y" * 99, street="z" * 99, country="GB")),
        "remittance": "ß" * 140,
    },
    "another time zone": {"created_at": datetime(2026, 11, 20, 4, 30, tzinfo=timezone(timedelta(hours=-5)))},
}


@pytest.fixture(params=list(VARIANTS.values()), ids=list(VARIANTS))
def variant(request: pytest.FixtureRequest) -> PaymentInstruction:
    return instruction(**request.param)


def texts(content: bytes, path: str) -> list[str | None]:
    """The texts of the elements at `path`, whatever their namespace."""
    steps = "/".join(f"{{*}}{step}" for step in path.split("/"))
    return [element.text for element in etree.fromstring(content).iterfind(f".//{steps}")]


def text(content: bytes, path: str) -> str | None:
    (only,) = texts(content, path)
    return only


class TestPain001:
    def test_a_counterparty_finds_nothing_to_complain_about(self, variant: PaymentInstruction) -> None:
        payment_file, findings = counterparty.inspect(build_pain001(variant), today=TODAY)

        assert findings == []
        (payment,) = payment_file.payments
        assert payment.amount == variant.amount_minor
        assert payment.currency == variant.currency
        assert payment.end_to_end_id == variant.end_to_end_id
        assert payment.creditor_account == variant.creditor.account
        assert variant.creditor_agent is not None
        assert payment.creditor_bic == variant.creditor_agent.bic
        assert payment.creditor_clearing_id == variant.creditor_agent.clearing_member_id
        assert payment_file.batches[0].debtor_account == variant.nostro_account

    def test_the_customer_is_the_ultimate_debtor_and_the_bank_the_debtor(self) -> None:
        content = build_pain001(instruction())

        assert text(content, "PmtInf/Dbtr/Nm") == "Aurum Bank"
        assert text(content, "PmtInf/Dbtr/Id/OrgId/AnyBIC") == "AURUNL2A"
        assert text(content, "UltmtDbtr/Nm") == "Ada Lovelace"
        assert text(content, "UltmtDbtr/PstlAdr/TwnNm") == "London"
        assert text(content, "UltmtDbtr/Id/PrvtId/Othr/Id") == "1000000017"
        assert text(content, "CdtTrfTxInf/PmtId/UETR") == instruction().uetr

    @pytest.mark.parametrize(("charges", "bearer"), [("OUR", "DEBT"), ("SHA", "SHAR"), ("BEN", "CRED")])
    def test_charges(self, charges: str, bearer: str) -> None:
        assert text(build_pain001(instruction(charges=charges)), "PmtInf/ChrgBr") == bearer

    def test_totals_are_those_of_the_one_payment(self) -> None:
        content = build_pain001(instruction(amount_minor=123_456))

        assert texts(content, "NbOfTxs") == ["1", "1"]
        assert texts(content, "CtrlSum") == ["1234.56", "1234.56"]

    def test_no_decimals_where_the_currency_has_none(self) -> None:
        assert text(build_pain001(instruction(currency="JPY", amount_minor=7)), "InstdAmt") == "7"

    def test_an_empty_remittance_is_no_element(self) -> None:
        assert texts(build_pain001(instruction(remittance=" \n ")), "RmtInf") == []


class TestPacs008:
    def test_it_is_a_valid_message(self, variant: PaymentInstruction) -> None:
        assert build_pacs008(variant).startswith(b"<?xml version='1.0' encoding='UTF-8'?>\n<RequestPayload>")

    def test_it_follows_the_usage_rules_of_cbpr_plus(self, variant: PaymentInstruction) -> None:
        cbpr_rules = pytest.importorskip("cbpr_rules", reason="cbpr-usage-rules is not installed")

        result = cbpr_rules.validate_string(build_pacs008(variant).decode(), year=2026)

        assert result["message_type"] == "pacs.008"
        assert result["violations"] == []

    def test_the_header_speaks_of_the_document(self) -> None:
        content = build_pacs008(instruction())

        assert text(content, "BizMsgIdr") == text(content, "GrpHdr/MsgId") == instruction().message_id
        assert text(content, "MsgDefIdr") == "pacs.008.001.08"
        assert text(content, "Fr/FIId/FinInstnId/BICFI") == text(content, "InstgAgt/FinInstnId/BICFI") == "AURUNL2A"
        assert text(content, "To/FIId/FinInstnId/BICFI") == text(content, "InstdAgt/FinInstnId/BICFI") == "MOCKNL2A"
        assert text(content, "CreDt") == "2026-11-20T09:30:00+00:00"

    def test_our_account_at_the_correspondent_is_the_settlement_account(self) -> None:
        content = build_pacs008(instruction())

        assert text(content, "SttlmMtd") == "INDA"
        assert text(content, "SttlmAcct/Id/IBAN") == instruction().nostro_account

    def test_charges_that_were_taken_out_are_told(self) -> None:
        content = build_pacs008(instruction(charges=Charges.BEN, amount_minor=97_500, deducted_minor=2_500))

        assert text(content, "IntrBkSttlmAmt") == "975.00"
        assert text(content, "InstdAmt") == "1000.00"
        assert text(content, "ChrgsInf/Amt") == "25.00"

    def test_a_bank_with_a_bic_is_told_by_it_alone(self) -> None:
        assert texts(build_pacs008(instruction()), "CdtrAgt/FinInstnId/Nm") == []


@pytest.mark.parametrize("build", [build_pain001, build_pacs008])
class TestBoth:
    def test_the_same_instruction_is_the_same_bytes(self, build: Any, variant: PaymentInstruction) -> None:
        assert build(variant) == build(PaymentInstruction.model_validate_json(variant.model_dump_json()))

    def test_nothing_but_the_swift_character_set(self, build: Any, variant: PaymentInstruction) -> None:
        written = "".join(str(piece) for piece in etree.fromstring(build(variant)).itertext())

        assert set(written) - X_SET <= {"\n"}

    @given(minor=st.integers(1, MAX_MINOR), currency=st.sampled_from(sorted(EXPONENTS)))
    def test_every_amount_is_written_exactly(self, build: Any, minor: int, currency: str) -> None:
        content = build(instruction(amount_minor=minor, currency=currency))

        (amount,) = etree.fromstring(content).findall(".//{*}InstdAmt")
        whole, _, decimals = (amount.text or "").partition(".")
        assert amount.get("Ccy") == currency
        assert len(decimals) == EXPONENTS[currency]
        assert int(whole + decimals) == minor

    @given(name=st.text(min_size=1), town=st.text(min_size=1), remittance=st.text(max_size=140))
    def test_every_text_can_be_written(self, build: Any, name: str, town: str, remittance: str) -> None:
        who = beneficiary(name=name, address=PostalAddress(town=town, street=name, country="DE"))

        content = build(instruction(creditor=who, remittance=remittance))

        assert text(content, "CdtTrfTxInf/Cdtr/Nm") == always_in_x_set(name, 140)
        assert texts(content, "RmtInf/Ustrd") == ([in_x_set(remittance, 140)] if in_x_set(remittance, 140) else [])

    def test_a_mistyped_iban_does_not_leave(self, build: Any) -> None:
        wrong = instruction(creditor=beneficiary(account="DE88370400440532013000"))

        with pytest.raises(UnwritableMessage, match="looks like an IBAN"):
            build(wrong)

    @pytest.mark.parametrize(
        ("changes", "complaint"),
        [
            ({"creditor_agent": Party(name="Bank", bic="COBAQQFF")}, "not a valid BIC"),
            ({"creditor_agent": Party(name="Bank", bic="COBADEF0")}, "test BIC"),
            ({"creditor_agent": Party(name="Bank", clearing_member_id="021000022")}, "routing number"),
        ],
    )
    def test_a_bank_that_cannot_be_does_not_leave(self, build: Any, changes: Any, complaint: str) -> None:
        with pytest.raises(UnwritableMessage, match=complaint):
            build(instruction(**changes))


class TestTheLastLook:
    """`validate` is held to what it says, by breaking messages that are valid."""

    @pytest.mark.parametrize(
        ("path", "value", "complaint"),
        [
            ("MsgId", "x" * 36, "MsgId"),
            ("CreDtTm", "yesterday", "CreDtTm"),
            ("PmtMtd", "CASH", "PmtMtd"),
            ("UETR", "4711", "UETR"),
            ("InstdAmt", "1000.000", "has 2 decimals"),
            ("InstdAmt", "1000", "has 2 decimals"),
            ("InstdAmt", "0.00", "is zero"),
            ("InstdAmt", "-1.00", "InstdAmt"),
            ("NbOfTxs", "2", "NbOfTxs says 2"),
            ("CtrlSum", "1000.01", "CtrlSum says 1000.01"),
            ("CdtrAcct/{*}Id/{*}IBAN", "DE88370400440532013000", "IBAN"),
            ("CdtrAgt/{*}FinInstnId/{*}BICFI", "COBADEF", "BICFI"),
            ("Cdtr/{*}Nm", "Müller", "x-set"),
            ("Ctry", "Germany", "Ctry"),
        ],
    )
    def test_a_wrong_value(self, path: str, value: str, complaint: str) -> None:
        root = etree.fromstring(build_pain001(instruction()))
        element = root.find(f".//{{*}}{path}")
        assert element is not None
        element.text = value

        with pytest.raises(UnwritableMessage, match=re.escape(complaint)):
            validated(root)

    @pytest.mark.parametrize("name", ["MsgId", "EndToEndId", "DbtrAcct", "PmtMtd", "ReqdExctnDt", "TwnNm", "Amt"])
    def test_a_missing_element(self, name: str) -> None:
        root = etree.fromstring(build_pain001(instruction()))
        element = root.find(f".//{{*}}{name}")
        assert element is not None
        parent = element.getparent()
        assert parent is not None
        parent.remove(element)

        with pytest.raises(UnwritableMessage):
            validated(root)

    def test_elements_out_of_order(self) -> None:
        root = etree.fromstring(build_pain001(instruction()))
        header = root.find(".//{*}GrpHdr")
        assert header is not None
        header.append(header[0])

        with pytest.raises(UnwritableMessage, match=r"not a valid pain\.001\.001\.09"):
            validated(root)

    def test_an_element_that_the_schema_does_not_know(self) -> None:
        root = etree.fromstring(build_pain001(instruction()))
        child(root[0], "Surprise", "1")

        with pytest.raises(UnwritableMessage, match="Surprise"):
            validated(root)

    @pytest.mark.parametrize(
        ("path", "value"),
        [("BizMsgIdr", "OTHER"), ("MsgDefIdr", "pacs.009.001.08"), ("Fr//{*}BICFI", "COBADEFF"), ("BizSvc", "")],
    )
    def test_a_header_that_speaks_of_something_else(self, path: str, value: str) -> None:
        root = etree.fromstring(build_pacs008(instruction()))
        element = root.find(f"{{*}}AppHdr/{{*}}{path}")
        assert element is not None
        element.text = value

        with pytest.raises(UnwritableMessage):
            validated(root)
