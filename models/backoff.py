"""How long somebody has to wait after guessing wrong: longer each time, never for ever (ASVS 5.0 6.1.1, 6.3.1).

What is counted, and why each by itself:
- `account`: failures for one account from places where it was never signed in. Whoever guesses there slows down
  whoever guesses there, and not the owner, who is counted
- `place`: at an address from which the account was signed in before (`PLACE_LIFETIME`);
- `address`: failures of one address for any account, which is how one password is tried on many. A success does not
  clear it: the guesser may have an account too. It is gentler, since an office may share an address.

An attempt that comes too soon is not looked at, and so not counted: nobody makes anybody wait longer by insisting.
"""

from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict

PLACE_LIFETIME: Final = timedelta(days=90)
# So many failures in a row are no typing errors, and the owner is told (ASVS 5.0 6.3.5).
TOLD_AT: Final = 10


class Counted(StrEnum):
    """What failures are counted for."""

    ACCOUNT = "account"
    PLACE = "place"
    ADDRESS = "address"


class Backoff(BaseModel):
    """After `free` failures in a row the next attempt waits `first` seconds, twice as long after each further one, at
    most `longest`. A pause of `forgotten` seconds without a failure makes it new."""

    model_config = ConfigDict(frozen=True)

    free: int
    first: float
    longest: float
    forgotten: float

    def delay(self, failures: int) -> float:
        """The seconds until the next attempt, after so many failures in a row."""
        if failures < self.free:
            return 0
        # Beyond 2^30 every `longest` is reached, and a float overflows at 2^1024.
        return min(self.longest, self.first * 2.0 ** min(failures - self.free, 30))


BACKOFFS: Final[dict[Counted, Backoff]] = {
    Counted.ACCOUNT: Backoff(free=5, first=1, longest=15 * 60, forgotten=24 * 3600),
    Counted.PLACE: Backoff(free=5, first=1, longest=5 * 60, forgotten=24 * 3600),
    Counted.ADDRESS: Backoff(free=30, first=1, longest=60, forgotten=15 * 60),
}
