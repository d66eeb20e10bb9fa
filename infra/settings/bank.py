"""The channel to the bank, and who we are to it."""

from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, model_validator

from infra.choices import BankHours, BankProfile
from models.ach import CompanyId
from models.bank import RoutingNumber


class BankSettings(BaseModel):
    """Folders of files, our names at the correspondent and at the ACH."""

    # The channel to the bank: one folder that we write, one that the bank writes.
    bank_profile: BankProfile = BankProfile.CORRESPONDENT
    bank_hours: BankHours = BankHours.CALENDAR
    bank_outbox: Path = Path(".local/bank/outbox")
    bank_inbox: Path = Path(".local/bank/inbox")
    bank_poll_seconds: float = Field(default=0.5, gt=0)
    bank_name: str = "Aurum Bank"
    bank_bic: str = "AURUNL2A"
    correspondent_bic: str = "MOCKNL2A"
    # Our account at the correspondent, by currency; filled by the embedded stack.
    nostro_accounts: dict[str, str] = Field(default_factory=dict)
    # The ACH: the bank that originates our entries (ODFI), and the number of our account there, by which it knows us.
    ach_odfi: RoutingNumber | None = None
    ach_odfi_name: str = "Correspondent Bank"
    ach_company_id: CompanyId | None = None

    @model_validator(mode="after")
    def _the_ach_is_named_wholly(self) -> Self:
        if (self.ach_odfi is None) != (self.ach_company_id is None):
            msg = "AURUM_ACH_ODFI and AURUM_ACH_COMPANY_ID are set both or neither"
            raise ValueError(msg)
        return self
