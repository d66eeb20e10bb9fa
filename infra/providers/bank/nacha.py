"""An ACH credit as a Nacha file: one batch with one entry, so that a refused file takes no other payment with it."""

from typing import Final

from infra.providers.bank.charset import always_in_x_set, in_x_set
from infra.providers.bank.nacha_records import (
    BATCH_CONTROL,
    BATCH_HEADER,
    BLOCK,
    ENTRY,
    FILE_CONTROL,
    FILE_HEADER,
    LINE,
    PADDING,
    PAYMENT_ADDENDA,
    line,
)
from models.ach import AchInstruction
from models.bank import UnwritableMessage

MESSAGE_TYPE: Final = "nacha.credit"
_CREDITS_ONLY: Final = 220
_CHECKING_CREDIT: Final = 22
_SAVINGS_CREDIT: Final = 32


def build_nacha(instruction: AchInstruction) -> bytes:
    """The file to give to the originating bank: PPD to a person, CCD to a company. The same instruction is always the
    same bytes. Raises `UnwritableMessage`.
    """
    for number in (instruction.odfi, instruction.receiver_routing_number):
        # ABA: weights 3-7-1 over all nine digits.
        if sum(int(digit) * weight for digit, weight in zip(number, (3, 7, 1) * 3, strict=True)) % 10:
            raise UnwritableMessage(f"{number} is not a routing number: wrong check digit")
    odfi = instruction.odfi[:8]
    totals = {
        "count": 2 if _addenda(instruction) else 1,
        # The sum of the receiving banks' numbers without check digits, to ten digits; with one entry that number.
        "hash": instruction.receiver_routing_number[:8],
        "debits": 0,
        "credits": instruction.amount_minor,
    }
    records = [
        _file_header(instruction),
        _batch_header(instruction, odfi),
        _entry(instruction),
        *_addenda(instruction),
        line(
            BATCH_CONTROL,
            type=8,
            service=_CREDITS_ONLY,
            company_id=instruction.company_id,
            odfi=odfi,
            batch=1,
            **totals,
        ),
    ]
    blocks = -(-(len(records) + 1) // BLOCK)
    records.append(line(FILE_CONTROL, type=9, batches=1, blocks=blocks, **totals))
    records += [PADDING] * (blocks * BLOCK - len(records))
    return ("\n".join(records) + "\n").encode("ascii")


def _file_header(instruction: AchInstruction) -> str:
    return line(
        FILE_HEADER,
        type=1,
        priority=1,
        destination=f" {instruction.odfi}",
        origin=instruction.company_id,
        created_on=f"{instruction.created_at:%y%m%d}",
        created_at=f"{instruction.created_at:%H%M}",
        modifier=instruction.modifier,
        record_size=LINE,
        blocking=BLOCK,
        format=1,
        destination_name=in_x_set(instruction.odfi_name, 23),
        origin_name=in_x_set(instruction.company_name, 23),
    )


def _batch_header(instruction: AchInstruction, odfi: str) -> str:
    return line(
        BATCH_HEADER,
        type=5,
        service=_CREDITS_ONLY,
        company_name=always_in_x_set(instruction.company_name, 16),
        company_id=instruction.company_id,
        entry_class="CCD" if instruction.to_company else "PPD",
        description="PAYMENT",
        effective_on=f"{instruction.effective_on:%y%m%d}",
        originator_status=1,
        odfi=odfi,
        batch=1,
    )


def _entry(instruction: AchInstruction) -> str:
    return line(
        ENTRY,
        type=6,
        transaction=_SAVINGS_CREDIT if instruction.to_savings else _CHECKING_CREDIT,
        rdfi=instruction.receiver_routing_number[:8],
        check_digit=instruction.receiver_routing_number[8],
        account=instruction.receiver_account,
        amount=instruction.amount_minor,
        individual_id=instruction.individual_id,
        name=always_in_x_set(instruction.receiver_name, 22),
        addenda=1 if _addenda(instruction) else 0,
        trace=instruction.trace_number,
    )


def _addenda(instruction: AchInstruction) -> list[str]:
    remittance = in_x_set(instruction.remittance, 80)
    if not remittance:
        return []
    return [
        line(
            PAYMENT_ADDENDA,
            type=7,
            kind="05",
            information=remittance,
            sequence=1,
            entry_sequence=instruction.trace_number[-7:],
        )
    ]
