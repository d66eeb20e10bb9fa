"""A payment as the message that its rail takes: pain.001 for SEPA, a Nacha file for the ACH."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from activities.payments.desk import PaymentDesk
from infra.providers.bank import build_nacha, build_pain001
from models.ach import MODIFIERS, AchInstruction, file_id, trace_number
from models.bank import Charges, Party, PaymentInstruction, PostalAddress, Scheme, UnwritableMessage
from models.payments import RecipientAccount
from models.tables.payments import Payment


@dataclass(frozen=True)
class Order:
    """A message to the bank, ready to be given to it."""

    message_type: str
    message_id: str
    file_name: str
    content: bytes


async def sepa_message(session: AsyncSession, desk: PaymentDesk, payment: Payment, at: datetime) -> Order:
    """The payment as pain.001. Raises `UnwritableMessage` and pydantic's `ValidationError`."""
    debtor = (
        await session.execute(
            text(
                "SELECT u.first_name || ' ' || u.last_name AS name, u.address, a.account_number"
                " FROM users u JOIN accounts a ON a.user_id = u.id WHERE a.id = :account_id"
            ),
            {"account_id": payment.sender_account_id},
        )
    ).one()
    nostro = desk.nostro_accounts.get(payment.currency)
    if nostro is None:
        raise UnwritableMessage(f"the bank has no account at its correspondent in {payment.currency}")
    assert payment.value_date is not None
    message_id = f"AP{payment.id.hex}"
    instruction = PaymentInstruction(
        message_id=message_id,
        instruction_id=payment.end_to_end_id,
        end_to_end_id=payment.end_to_end_id,
        uetr=str(payment.uetr),
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        execution_date=payment.value_date,
        charges=Charges.SHA,
        scheme=Scheme.SEPA,
        remittance=payment.reference,
        created_at=at,
        initiating_bank=Party(name=desk.bank_name, bic=desk.bank_bic),
        correspondent_bic=desk.correspondent_bic,
        nostro_account=nostro,
        debtor=Party(name=debtor.name, account=debtor.account_number, address=_address(debtor.address)),
        creditor=Party(name=payment.recipient_name, account=payment.recipient_account_number),
        creditor_agent=Party(name=payment.recipient_bic, bic=payment.recipient_bic) if payment.recipient_bic else None,
    )
    return Order("pain.001.001.09", message_id, f"{message_id}.xml", build_pain001(instruction))


async def ach_file(session: AsyncSession, desk: PaymentDesk, payment: Payment, at: datetime) -> Order:
    """The payment as a Nacha file of its own. Raises `UnwritableMessage` and pydantic's `ValidationError`."""
    if desk.ach_odfi is None or desk.ach_company_id is None:
        raise UnwritableMessage("the bank has no account at a bank of the ACH")
    created_at, modifier = await _free_file(session, desk.ach_company_id, at)
    number = int((await session.execute(text("SELECT nextval('ach_trace')"))).scalar_one())
    payment.trace_number = trace_number(desk.ach_odfi, number)
    assert payment.recipient_routing_number is not None
    assert payment.value_date is not None
    instruction = AchInstruction(
        created_at=created_at,
        modifier=modifier,
        odfi=desk.ach_odfi,
        odfi_name=desk.ach_odfi_name,
        company_id=desk.ach_company_id,
        company_name=desk.bank_name,
        effective_on=payment.value_date,
        to_company=payment.recipient_is_company,
        to_savings=payment.recipient_account_type == RecipientAccount.SAVINGS,
        receiver_name=payment.recipient_name,
        receiver_routing_number=payment.recipient_routing_number,
        receiver_account=payment.recipient_account_number,
        amount_minor=payment.amount_minor,
        individual_id=payment.end_to_end_id,
        trace_number=payment.trace_number,
        remittance=payment.reference,
    )
    message_id = file_id(desk.ach_company_id, created_at, modifier)
    return Order("nacha.credit", message_id, f"{message_id}.ach", build_nacha(instruction))


async def _free_file(session: AsyncSession, company: str, at: datetime) -> tuple[datetime, str]:
    """A minute and a modifier that no other file of ours has: this minute, or when 36 were made in it a later one."""
    minute = at.replace(second=0, microsecond=0)
    while True:
        taken = await session.execute(
            text(
                "INSERT INTO ach_files AS f (company, minute, files) VALUES (:company, :minute, 1)"
                " ON CONFLICT (company, minute) DO UPDATE SET files = f.files + 1 WHERE f.files < :most"
                " RETURNING files"
            ),
            {"company": company, "minute": minute, "most": len(MODIFIERS)},
        )
        files = taken.scalar_one_or_none()
        if files is not None:
            return minute, MODIFIERS[files - 1]
        minute += timedelta(minutes=1)


def _address(kept: dict[str, str] | None) -> PostalAddress | None:
    if not kept or not kept.get("town") or not kept.get("country"):
        return None
    known = {name: value for name, value in kept.items() if name in PostalAddress.model_fields and value}
    return PostalAddress.model_validate(known)
