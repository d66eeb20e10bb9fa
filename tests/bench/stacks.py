"""A whole embedded stack in a folder of its own, for the parts that measure all of it."""

import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import psutil
from temporalio.client import Client

from infra import temporal
from infra.local.stack import Stack
from infra.settings import Settings


@contextmanager
def whole_stack(env: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """A running stack with the settings `env`; it ends, and its folder goes, with the block."""
    with tempfile.TemporaryDirectory(prefix="aurum-bench-") as folder, Stack(Path(folder) / "data") as stack:
        stack.start(env=env)
        yield stack


async def temporal_client(stack: Stack) -> Client:
    """A client of the stack's Temporal server that opens what the stack's processes seal."""
    return await temporal.connect(
        Settings(
            _env_file=None,
            temporal_address=stack.site.temporal_address,
            payload_keys=json.loads(stack.site.secrets.payload_keys),
            payload_key_id=stack.site.secrets.payload_key_id,
        )
    )


class Processes:
    """What the parts of a stack take from the machine."""

    def __init__(self, stack: Stack) -> None:
        self._found = {name: psutil.Process(pid) for name, pid in stack.info()["pids"].items()}

    def memory(self) -> dict[str, float]:
        """Resident MiB of the worker and of the API."""
        return {name: self._found[name].memory_info().rss / 2**20 for name in ("worker", "api")}

    def used(self) -> float:
        """Milliseconds of processor that the worker has had."""
        times = self._found["worker"].cpu_times()
        return 1000 * (times.user + times.system)

    async def idle(self, seconds: float) -> float:
        """Milliseconds of processor that the worker takes in a second when nobody asks for anything."""
        used, began = self.used(), perf_counter()
        await asyncio.sleep(seconds)
        return (self.used() - used) / (perf_counter() - began)
