"""What is unusual about a wire, compared with what its customer has done before (reference/banking.md §6.11, triggers).

Each sign is a sentence that an officer reads. They are signs and no verdicts: they send a wire to more people, and stop
none.
"""

from typing import Final

from pydantic import BaseModel, ConfigDict

# A median of fewer wires than that says nothing of anybody.
ENOUGH_WIRES: Final = 5
FAR_ABOVE: Final = 10
DORMANT_DAYS: Final = 180
NEW_ACCOUNTS_A_DAY: Final = 5
# How far back the median looks: wires and days.
LAST_WIRES: Final = 200
LAST_DAYS: Final = 365


class Past(BaseModel):
    """What a customer has done before a wire. Amounts are in minor units of the bank's base currency.

    `idle_days`: how long nothing was booked on the account, None where nothing ever was. `new_accounts`: how many
    accounts were ordered to within a day that the customer had never paid, this wire's among them.
    """

    model_config = ConfigDict(frozen=True)

    paid_minor: tuple[int, ...] = ()
    idle_days: int | None = None
    new_accounts: int = 0


def unusual(amount_minor: int | None, past: Past) -> tuple[str, ...]:
    """What is unusual about a wire of that amount, which is None where nobody knows what it is worth."""
    signs = []
    if amount_minor is not None and len(past.paid_minor) >= ENOUGH_WIRES:
        median = sorted(past.paid_minor)[len(past.paid_minor) // 2]
        if amount_minor > FAR_ABOVE * median:
            signs.append(f"more than {FAR_ABOVE} times what the customer usually wires")
    if past.idle_days is not None and past.idle_days >= DORMANT_DAYS:
        signs.append(f"nothing was booked on the account for {past.idle_days} days")
    if past.new_accounts >= NEW_ACCOUNTS_A_DAY:
        signs.append(f"the {past.new_accounts}th account within a day that the customer never paid before")
    return tuple(signs)
