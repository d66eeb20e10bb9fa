"""From `make demo` in a warm environment to the first completed wire."""

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tests.bench.parts import Aim, Measure, part

FIRST_WIRE = b"first wire completed"


@part("demo")
async def demo() -> AsyncIterator[Measure]:
    """Starts the demo as `make` does and watches what it prints."""
    with tempfile.TemporaryDirectory(prefix="aurum-demo-") as folder:
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "infra.local", "demo", "--data", str(Path(folder) / "data"), "--exit",
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        first = None
        async for line in process.stdout:
            if FIRST_WIRE in line and first is None:
                first = time.perf_counter() - began
        status = await process.wait()
        assert first is not None, f"the demo ended with {status} before its first wire"
        assert status == 0, f"the demo ended with {status}"
        yield Measure("demo.first_wire", first, "s", aim=Aim(25, at_least=False))
        yield Measure("demo.whole_walk", time.perf_counter() - began, "s")
