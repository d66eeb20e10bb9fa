"""One ACH credit as its file says it (Nacha Operating Rules, Appendix Three). Amounts are cents; the rail is in USD.

The originating bank (ODFI) knows us as a company; the receiving bank is named by its routing number. A prenote, a debit
and a batch of several entries are not written here.
"""

from datetime import date, datetime
from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from models.bank import RoutingNumber, Text

# As many files as a company can make in one minute: the file ID modifier is A to Z, then 0 to 9.
MODIFIERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

CompanyId = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,10}$")]
TraceNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{15}$")]


class AchInstruction(BaseModel):
    """One credit to one account, complete: whoever writes it adds nothing and asks nobody.

    `created_at` and `modifier` tell this file from every other of the company. `individual_id` is the payment's own
    reference, which the receiver sees and a return repeats; `trace_number` begins with the ODFI's eight digits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    created_at: AwareDatetime
    modifier: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]$")]
    odfi: RoutingNumber
    odfi_name: Text
    company_id: CompanyId
    company_name: Text
    effective_on: date
    to_company: bool
    to_savings: bool
    receiver_name: Text
    receiver_routing_number: RoutingNumber
    receiver_account: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{1,17}$")]
    amount_minor: Annotated[int, Field(strict=True, gt=0, le=9_999_999_999)]
    individual_id: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,15}$")]
    trace_number: TraceNumber
    remittance: str = ""


def file_id(company_id: str, created_at: datetime, modifier: str) -> str:
    """How a file is told from every other of its company; what Nacha has where ISO 20022 has a message id."""
    return f"{company_id}-{created_at:%y%m%d%H%M}{modifier}"


def trace_number(odfi: str, number: int) -> str:
    """The trace number of an entry: the ODFI's routing number without its check digit, and seven digits that count."""
    return f"{odfi[:8]}{number:07d}"
