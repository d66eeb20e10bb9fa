"""How a person is answered: the same by the profile, by signing in, and by registering."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from models.tables.users import User


class ProfileView(BaseModel):
    """A person as they see themselves."""

    id: UUID
    email: str = Field(examples=["mira.example@aurum.example"])
    email_verified: bool
    first_name: str = Field(examples=["Mira"])
    last_name: str = Field(examples=["Example"])
    phone: str | None = Field(examples=["+31201234567"])
    date_of_birth: date | None = Field(examples=["1988-04-12"])
    address: dict[str, Any] | None = Field(examples=[{"town": "Utrecht", "country": "NL"}])
    role: str = Field(examples=["customer"])
    tier: str = Field(examples=["standard"])
    permissions: list[str] = Field(examples=[["accounts:read", "wires:create"]])
    kyc_status: str = Field(examples=["approved"])
    status: str = Field(examples=["active"])
    created_at: datetime
    updated_at: datetime


def profile(person: User) -> ProfileView:
    """`person` as an answer."""
    return ProfileView(
        **person.model_dump(include=set(ProfileView.model_fields) - {"email_verified", "permissions"}),
        email_verified=person.email_verified_at is not None,
        permissions=sorted(person.rights),
    )
