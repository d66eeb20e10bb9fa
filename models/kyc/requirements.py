"""Which documents prove a customer, by tier and residence: data, and what is missing by it.

Source of the table: reference/banking.md §6.11 (standard: identity; premium: address and source of funds; private:
source of wealth). Beside it: whoever lives outside the European Economic Area proves the address at every tier, and who
lives in the United States hands in a tax form (26 U.S.C. §1471, FATCA).
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from models.errors import RuleRefused
from models.kyc.documents import DocumentType
from models.kyc.states import Occasion

_T = DocumentType
REQUIREMENTS_VERSION: Final = "2026-11"


class Requirement(BaseModel):
    """One thing to prove, by any one of `documents`. `youngest`: how long after its upload one still proves it."""

    model_config = ConfigDict(frozen=True)

    name: str
    documents: tuple[DocumentType, ...]
    youngest: timedelta | None = None


IDENTITY: Final = Requirement(
    name="identity", documents=(_T.PASSPORT, _T.NATIONAL_ID, _T.RESIDENCE_PERMIT, _T.DRIVING_LICENCE)
)
# A bill or a register's extract of the last three months.
ADDRESS: Final = Requirement(name="address", documents=(_T.PROOF_OF_ADDRESS,), youngest=timedelta(days=92))
FUNDS: Final = Requirement(name="source_of_funds", documents=(_T.SOURCE_OF_FUNDS,))
WEALTH: Final = Requirement(name="source_of_wealth", documents=(_T.SOURCE_OF_WEALTH,))
TAX: Final = Requirement(name="tax", documents=(_T.TAX_FORM,))

BY_TIER: Final[dict[str, tuple[Requirement, ...]]] = {
    "standard": (IDENTITY,),
    "premium": (IDENTITY, ADDRESS, FUNDS),
    "private": (IDENTITY, ADDRESS, FUNDS, WEALTH),
}
BY_RESIDENCE: Final[dict[str, tuple[Requirement, ...]]] = {"US": (ADDRESS, TAX)}
OUTSIDE_EEA: Final = (ADDRESS,)
# fmt: off
EEA: Final = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT",
    "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
})
# fmt: on


class ProfileIncomplete(RuleRefused):
    """The profile lacks what a review is about; `missing` names the fields (PUT /users/me)."""

    code = "profile_incomplete"
    title = "Profile is incomplete"


class DocumentsMissing(RuleRefused):
    """Documents are missing or out of date; `missing` says which."""

    code = "documents_missing"
    title = "Documents are missing"


class Paper(BaseModel):
    """As much of a document as the requirements ask about. One that the scanner has yet to look at counts as handed in:
    it is `passed_scan` until the scanner says otherwise."""

    model_config = ConfigDict(frozen=True)

    id: UUID
    document_type: DocumentType
    uploaded_on: date
    expires_on: date | None
    passed_scan: bool


class Missing(BaseModel):
    """A requirement that nothing proves. `reason`: `absent`, `expired`, `too_old` or `not_scanned`."""

    model_config = ConfigDict(frozen=True)

    name: str
    reason: str
    any_of: tuple[DocumentType, ...]


def required(tier: str, residence: str | None, occasion: Occasion = Occasion.INITIAL) -> tuple[Requirement, ...]:
    """What somebody of `tier` who lives in `residence` (ISO 3166) has to prove, each thing once."""
    wanted = [*BY_TIER[tier], *BY_RESIDENCE.get(residence or "", ())]
    if residence not in EEA:
        wanted += OUTSIDE_EEA
    if occasion is Occasion.COUNTRY_CHANGED:
        wanted.append(ADDRESS)
    return tuple(dict.fromkeys(wanted))


class Ask(BaseModel):
    """What a review asks for: `valid_on` is the day on which documents have to be valid; what the occasion is about has
    to have come since `since`."""

    model_config = ConfigDict(frozen=True)

    tier: str
    residence: str | None
    occasion: Occasion
    valid_on: date
    since: date


# What has to be new where the occasion is a change.
_NEW: Final = {Occasion.NAME_CHANGED: IDENTITY, Occasion.COUNTRY_CHANGED: ADDRESS}


def missing(ask: Ask, papers: Iterable[Paper]) -> tuple[Missing, ...]:
    """What is not proven."""
    found = list(papers)
    return tuple(
        Missing(name=requirement.name, reason=reason, any_of=requirement.documents)
        for requirement in required(ask.tier, ask.residence, ask.occasion)
        if (reason := _lack(requirement, found, ask)) is not None
    )


def _lack(requirement: Requirement, papers: list[Paper], ask: Ask) -> str | None:
    fitting = [paper for paper in papers if paper.document_type in requirement.documents]
    reasons = [_fault(requirement, paper, ask) for paper in fitting]
    if not reasons:
        return "absent"
    return None if None in reasons else reasons[0]


def _fault(requirement: Requirement, paper: Paper, ask: Ask) -> str | None:
    if not paper.passed_scan:
        return "not_scanned"
    if paper.expires_on is not None and paper.expires_on < ask.valid_on:
        return "expired"
    too_old = requirement.youngest is not None and paper.uploaded_on + requirement.youngest < ask.valid_on
    if too_old or (_NEW.get(ask.occasion) == requirement and paper.uploaded_on < ask.since):
        return "too_old"
    return None


def lacking(first_name: str, last_name: str, date_of_birth: date | None, country: str | None) -> tuple[str, ...]:
    """The fields of a profile that a review cannot do without and that are empty."""
    fields = {
        "first_name": first_name.strip(),
        "last_name": last_name.strip(),
        "date_of_birth": date_of_birth,
        "address": country,
    }
    return tuple(name for name, value in fields.items() if not value)
