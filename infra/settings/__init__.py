"""Every setting of Aurum, typed, read once from the environment (prefix `AURUM_`) and from `.env`.

Workflows and models never see settings: what they need reaches them as arguments, so that a run can be replayed.
"""

from functools import lru_cache
from pathlib import Path
from typing import Self

from pydantic import model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.choices import BankHours, BankProfile, EmailKind, Environment, QuotesKind, ScannerKind, StoreKind
from infra.settings import production
from infra.settings.bank import BankSettings
from infra.settings.core import CoreSettings
from infra.settings.desks import DeskSettings
from infra.settings.door import DoorSettings
from infra.settings.edges import EdgeSettings
from infra.settings.observation import ObservationSettings
from models.wires import WireTerms

__all__ = [
    "BankHours",
    "BankProfile",
    "EmailKind",
    "Environment",
    "QuotesKind",
    "ScannerKind",
    "Settings",
    "StoreKind",
    "settings",
]


# Fields stand in the order of the bases from the last to the first; `.env.example` follows it.
class Settings(DeskSettings, EdgeSettings, BankSettings, DoorSettings, ObservationSettings, CoreSettings, BaseSettings):
    """The settings of one process. Unknown `AURUM_` variables in `.env` are an error, so typing errors show."""

    model_config = SettingsConfigDict(
        env_prefix="AURUM_", env_file=".env", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    @property
    def wire_terms(self) -> WireTerms:
        """The terms on which wires are taken."""
        return WireTerms(fees=self.wire_fees, limits=self.wire_limits, bank_country=self.bank_bic[4:6])

    @property
    def written_places(self) -> dict[str, Path]:
        """The folders that this process writes to, by a name for each."""
        places = {"bank_outbox": self.bank_outbox, "bank_inbox": self.bank_inbox}
        if self.store_provider is StoreKind.FOLDER:
            places["store"] = self.store_dir
        if self.email_provider is EmailKind.FOLDER:
            places["mail"] = self.mail_dir
        if self.audit_anchor_file is not None:
            places["anchors"] = self.audit_anchor_file.parent
        if self.log_dir is not None:
            places["log"] = self.log_dir
        return places

    @model_validator(mode="after")
    def _production_is_safe(self) -> Self:
        if self.environment is Environment.PRODUCTION and (refused := self.refusals()):
            raise ValueError("; ".join(refused))
        return self

    def refusals(self) -> list[str]:
        """Why these settings may not serve customers, whatever the environment says; empty when they may."""
        return list(production.refusals(self, self, self, self, self))


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read on first use."""
    return Settings()
