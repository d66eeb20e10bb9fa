"""A payment to another bank by the local rail: its states and moves, what it costs, its rhythm, its entries.

Everything here is a rule without input or output, so that the API, the process and the database say the same. The life
of a payment (contract §4):

    scheduled ─► funded ─► released ─► acknowledged ─► completed ─► returned
        │          │           │            │
        └──────────┴► cancelled, failed ◄───┘
                   └► blocked ─► failed
"""

from models.payments.entries import (
    PAYMENT,
    PAYMENT_RETURN,
    PAYMENT_RULING,
    SETTLED_ON,
    PaymentMoney,
    return_entry,
    settlement_entry,
)
from models.payments.funding import LAST_LOOK, day_ends, next_look
from models.payments.orders import (
    FEES,
    LARGEST,
    RAILS,
    DayRefused,
    NoRail,
    NotOnThisRail,
    OwnBank,
    PaymentOrder,
    Rail,
    RecipientAccount,
    check_day,
    check_order,
    end_to_end_id,
    fee_of,
    headline,
    rail_of,
)
from models.payments.process import (
    PaymentStart,
    PaymentState,
    PaymentStep,
    StandingOrderStart,
    StandingOrderState,
    StandingOrderStep,
    case_file,
    standing_case_file,
)
from models.payments.recurrence import (
    Frequency,
    NeverPays,
    NonBankingDay,
    Rhythm,
    first_payment,
    next_payment,
    paid_on,
)
from models.payments.states import (
    AT_THE_BANK,
    ENDED,
    MOVES,
    TRANSACTION_STATUS,
    Mover,
    PaymentStatus,
    may_move,
)

__all__ = [
    "AT_THE_BANK",
    "ENDED",
    "FEES",
    "LARGEST",
    "LAST_LOOK",
    "MOVES",
    "PAYMENT",
    "PAYMENT_RETURN",
    "PAYMENT_RULING",
    "RAILS",
    "SETTLED_ON",
    "TRANSACTION_STATUS",
    "DayRefused",
    "Frequency",
    "Mover",
    "NeverPays",
    "NoRail",
    "NonBankingDay",
    "NotOnThisRail",
    "OwnBank",
    "PaymentMoney",
    "PaymentOrder",
    "PaymentStart",
    "PaymentState",
    "PaymentStatus",
    "PaymentStep",
    "Rail",
    "RecipientAccount",
    "Rhythm",
    "StandingOrderStart",
    "StandingOrderState",
    "StandingOrderStep",
    "case_file",
    "check_day",
    "check_order",
    "day_ends",
    "end_to_end_id",
    "fee_of",
    "first_payment",
    "headline",
    "may_move",
    "next_look",
    "next_payment",
    "paid_on",
    "rail_of",
    "return_entry",
    "settlement_entry",
    "standing_case_file",
]
