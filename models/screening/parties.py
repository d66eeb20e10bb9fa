"""What of a wire, and of a customer, is screened: each party, bank, place and text (reference/banking.md §6.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from models.bank_codes import country_of
from models.screening.entries import Facts, Subject, SubjectKind


@dataclass(frozen=True)
class Customer:
    """Who orders: the profile as far as screening needs it."""

    id: UUID
    name: str
    birth_date: date | None = None
    address: Mapping[str, Any] | None = None

    @property
    def facts(self) -> Facts:
        """What is known beside the name."""
        country = (self.address or {}).get("country")
        return Facts(
            birth_dates=(self.birth_date.isoformat(),) if self.birth_date else (),
            countries=(country,) if country else (),
            person=True,
        )


@dataclass(frozen=True)
class Party:
    """A wire or a payment, or a customer, with all that is screened of it. `kind` is which of them it is."""

    kind: str
    id: UUID
    subjects: tuple[Subject, ...]


def subjects_of_customer(customer: Customer, field: str = "customer") -> list[Subject]:
    """Name, address and country of a customer."""
    return [
        Subject(field, customer.name, facts=customer.facts),
        *_of_address(field, customer.address),
    ]


def subjects_of_wire(wire: Mapping[str, Any], debtor: Customer) -> list[Subject]:
    """Everything that a wire names, by the columns of its row: debtor, creditor, banks, places, text."""
    country = wire["recipient_country"]
    creditor = Facts(countries=(country,) if country else ())
    bic = wire["recipient_bank_swift"]
    subjects = [
        *subjects_of_customer(debtor, "debtor"),
        Subject("creditor", wire["recipient_name"], facts=creditor),
        *_of_address("creditor", wire["recipient_address"], country),
        Subject("creditor_bank", wire["recipient_bank_name"], facts=Facts(person=False)),
        Subject("reference", wire["reference"], SubjectKind.TEXT),
    ]
    if bic:
        subjects.append(Subject("creditor_bank_bic", bic, SubjectKind.BIC))
        subjects.append(Subject("creditor_bank_country", bic[4:6], SubjectKind.COUNTRY))
    return [subject for subject in subjects if subject.text]


def subjects_of_payment(payment: Mapping[str, Any], debtor: Customer) -> list[Subject]:
    """Everything that a payment by a local rail names, by the columns of its row."""
    order = {
        "recipient_country": country_of(payment["recipient_bic"], payment["recipient_account_number"]),
        "recipient_name": payment["recipient_name"],
        "recipient_bank_swift": payment["recipient_bic"],
        "recipient_bank_name": "",
        "recipient_address": None,
        "reference": payment["reference"],
    }
    return subjects_of_wire(order, debtor)


def record_of(field: str, wire: Mapping[str, Any]) -> tuple[str, str] | None:
    """Whose record a field of a wire is: the customer's, or the recipient's at their bank, as (kind, key). None for a
    text that somebody wrote: what it names is looked at each time."""
    if field == "reference":
        return None
    if field.startswith("debtor"):
        return "customer", str(wire["user_id"])
    bank = wire["recipient_bank_swift"] or wire["recipient_routing_number"]
    return "counterparty", f"{bank}/{wire['recipient_account_number']}"


def _of_address(field: str, address: Mapping[str, Any] | None, country: str | None = None) -> list[Subject]:
    told = address or {}
    line = " ".join(str(told[part]) for part in ("street", "building", "town", "postal_code") if told.get(part))
    countries = dict.fromkeys(one for one in (country, told.get("country")) if one)
    return [
        *([Subject(f"{field}_address", line, SubjectKind.TEXT)] if line else []),
        *(Subject(f"{field}_country", one, SubjectKind.COUNTRY) for one in countries),
    ]
