"""One whole bank for the journeys of this folder: seven seconds to start, and every part of it may be killed."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.journeys.scene import Scene


@pytest.fixture(scope="package")
def scene() -> Iterator[Scene]:
    """The bank at work. Whoever kills a part starts it again."""
    # Not pytest's own folder: every run of pytest closes the folder of all runs to other users, and PostgreSQL runs as
    # another user when we are root.
    with TemporaryDirectory() as folder:
        opened = Scene(Path(folder))
        try:
            opened.open()
            yield opened
        finally:
            opened.close()
