"""A whole embedded stack in a folder of its own, for the parts that measure all of it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.stack import Stack


@contextmanager
def whole_stack() -> Iterator[Stack]:
    """A running stack; it ends, and its folder goes, with the block."""
    with tempfile.TemporaryDirectory(prefix="aurum-bench-") as folder, Stack(Path(folder) / "data") as stack:
        stack.start()
        yield stack
