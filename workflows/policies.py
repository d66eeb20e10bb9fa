"""The named timeouts and retry policies, each with its reason."""

from datetime import timedelta
from typing import Final

from temporalio.common import RetryPolicy

# A database step is milliseconds. It is tried for ever: what it does is due, and the database will be back. Refusals of
# ours are not retryable by themselves.
DATABASE_SECONDS: Final = timedelta(seconds=30)
DATABASE: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=10),
)

# How a database step of a process that lives long begins: as a local activity, which leaves one event. While that is
# tried again inside its workflow task, the task is kept alive with three more events every eight seconds: 1,350 an hour
# (measured on a real server). So after these attempts, about three seconds, it goes on as an activity
# (`workflows.steps`), whose attempts leave nothing until it ends.
AT_ONCE: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2,
    maximum_attempts=5,
)

# The bank's folder, the mail server: outside, and away for minutes when it is away. Tried for ever too, since an order
# that was approved has to leave, and each of these steps is idempotent by key.
PROVIDER_SECONDS: Final = timedelta(seconds=60)
# Such a step says every few seconds that it lives: after this silence its worker is dead, and another one takes it.
PROVIDER_HEARTBEAT: Final = timedelta(seconds=10)
PROVIDER: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=500), backoff_coefficient=2, maximum_interval=timedelta(minutes=1)
)

# A file of ten megabytes, read from the store and looked through by a scanner that may load its signatures just then.
SCAN_SECONDS: Final = timedelta(minutes=3)

# The documents of a customer, read one after the other among those of other customers, some seconds each; says that it
# lives.
CHECKS_SECONDS: Final = timedelta(minutes=15)

# Upkeep works through many rows in small transactions and says after each that it lives.
UPKEEP_SECONDS: Final = timedelta(hours=1)

# Somebody else's list: a source that is away for minutes is waited for, one that is away for longer is told to
# operations, and asked again the next day.
SOURCE: Final = RetryPolicy(
    initial_interval=timedelta(seconds=2),
    backoff_coefficient=2,
    maximum_interval=timedelta(minutes=2),
    maximum_attempts=8,
)
