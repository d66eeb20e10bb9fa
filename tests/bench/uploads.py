"""What taking documents in costs: eight customers send 10 MB each at the same moment, against a whole running stack.

The pictures are noise, which is the most work: nothing of it can be packed. Beside the rate stands the memory of the
API's process: before, the most meanwhile, and after. The processes that look into the files are counted apart.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import BytesIO
from statistics import median
from time import perf_counter
from typing import Final

import httpx
import psutil
from PIL import Image

from infra.database import connect
from infra.local.parts import Part
from infra.settings import Settings
from infra.tokens import Tokens
from models.kyc.documents import MOST_BYTES
from tests.bench.parts import Aim, Measure, part
from tests.bench.stacks import whole_stack
from tests.factories.auth import claims_of, session_for
from tests.factories.users import add_customer

PEOPLE: Final = 8
ROUNDS: Final = 3
# Of noise, a little less than 10 MiB.
WIDTH: Final = 1860
HEIGHT: Final = 1870
MEBI: Final = 1024 * 1024


@dataclass
class Memory:
    """What a process and its children had, in bytes; the most that was seen."""

    api: int = 0
    inspecting: int = 0

    async def watched(self, process: psutil.Process) -> None:
        """Looks until it is cancelled."""
        while True:
            self.api = max(self.api, process.memory_info().rss)
            children = 0
            for child in process.children():
                with contextlib.suppress(psutil.Error):
                    children += child.memory_info().rss
            self.inspecting = max(self.inspecting, children)
            await asyncio.sleep(0.02)


def noise() -> bytes:
    """A picture that cannot be packed."""
    written = BytesIO()
    Image.frombytes("RGB", (WIDTH, HEIGHT), os.urandom(WIDTH * HEIGHT * 3)).save(written, "PNG", compress_level=0)
    content = written.getvalue()
    assert MOST_BYTES * 0.99 < len(content) <= MOST_BYTES, len(content)
    return content


async def _sent(client: httpx.AsyncClient, headers: dict[str, str], content: bytes) -> float:
    began = perf_counter()
    answered = await client.post(
        "/api/v1/kyc/upload",
        data={"document_type": "passport"},
        files={"file": ("passport.png", content, "image/png")},
        headers=headers,
    )
    assert answered.status_code == 201, answered.text
    return perf_counter() - began


@part("uploads")
async def uploads() -> AsyncIterator[Measure]:
    """The rate of 10 MB uploads, and the memory that they take."""
    with whole_stack() as stack:
        owner = connect(stack.site.owner_url, pool_size=2)
        tokens = Tokens(Settings(_env_file=None, signing_key_file=stack.site.secrets.signing_key_file))
        people = [await add_customer(owner) for _ in range(PEOPLE)]
        headers = [
            {"Authorization": f"Bearer {tokens.sign(claims_of(person, await session_for(owner, person)))}"}
            for person in people
        ]
        await owner.dispose()
        process = psutil.Process(stack.info()["pids"][Part.API])
        async with httpx.AsyncClient(base_url=stack.site.api_url, timeout=120) as client:
            # The first one loads what is loaded once.
            await _sent(client, headers[0], noise())
            before, memory, seconds = process.memory_info().rss, Memory(), list[float]()
            watching = asyncio.create_task(memory.watched(process))
            spent = 0.0
            for _ in range(ROUNDS):
                contents = [noise() for _ in people]
                began = perf_counter()
                seconds += await asyncio.gather(*map(_sent, [client] * PEOPLE, headers, contents))
                spent += perf_counter() - began
            watching.cancel()
            after = process.memory_info().rss
    yield Measure("uploads.rate", round(ROUNDS * PEOPLE / spent, 2), "per second")
    yield Measure("uploads.answer", round(median(seconds), 2), "s")
    yield Measure("uploads.api_memory_before", round(before / MEBI, 1), "MiB")
    yield Measure(
        "uploads.api_memory_peak_growth", round((memory.api - before) / MEBI, 1), "MiB", aim=Aim(40, at_least=False)
    )
    yield Measure(
        "uploads.api_memory_growth_after", round((after - before) / MEBI, 1), "MiB", aim=Aim(20, at_least=False)
    )
    yield Measure("uploads.inspecting_memory_peak", round(memory.inspecting / MEBI, 1), "MiB")
