"""Reading zones of passports and identity cards from pictures: how many of invented documents are read, that none is
read wrong, and what one takes. Each way of taking a picture has as many documents, half of them cards, and goes the
whole way: written anew as an upload is, read in a process of its own."""

import random
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from statistics import median
from time import perf_counter
from typing import Final

from infra.inspection.inspector import Inspector
from models.kyc.mrz import Mrz, MrzFormat, find_mrz
from models.kyc.mrz_seen import find_mrz_seen
from tests.bench.parts import Aim, Measure, part
from tests.factories.specimens import Shot, jpeg, zone

DOCUMENTS: Final = 10
SHOTS: Final = {
    "scan_640": Shot(width=640),
    "scan_1000": Shot(width=1000),
    "scan_2500": Shot(width=2500),
    "grey": Shot(grey=True),
    "turned_by_5": Shot(angle=5),
    "turned_by_minus_5": Shot(angle=-5),
    "lying": Shot(turn=90),
    "on_its_head": Shot(turn=180),
    "lying_the_other_way": Shot(turn=270),
    "noise": Shot(noise=15),
    "much_noise": Shot(noise=30),
    "blurred": Shot(blur=2),
    "quality_40": Shot(quality=40),
    "quality_20": Shot(quality=20),
    "photo": Shot(width=2000, table=True, angle=-3, noise=8, blur=0.6, quality=80, shade=0.5),
    "photo_from_aside": Shot(width=2400, table=True, angle=3, noise=8, tilt=0.03, shade=0.4),
    "photo_on_its_head": Shot(width=2000, table=True, angle=4, turn=180, shade=0.4),
    "photo_large": Shot(width=3200, table=True, angle=2, noise=12, blur=0.5, quality=60),
}


async def _read(inspector: Inspector, content: bytes) -> tuple[Mrz | None, float]:
    with tempfile.TemporaryFile() as upload:
        upload.write(content)
        upload.flush()
        async with inspector.rewritten(upload) as (_, kept):
            began = perf_counter()
            readings = await inspector.lines(kept)
            took = perf_counter() - began
    today = datetime.now(UTC).date()
    return next((zone for lines in readings if (zone := find_mrz_seen(lines, today))), None), took


@part("zones", by_default=False)
async def zones() -> AsyncIterator[Measure]:
    """Measures each way of taking a picture."""
    inspector, lot, wrong, times = Inspector(1, 60), random.Random(47), 0, []
    for name, shot in SHOTS.items():
        right = 0
        for number in range(DOCUMENTS):
            lines = zone(lot, (MrzFormat.TD3, MrzFormat.TD1)[number % 2])
            found, took = await _read(inspector, jpeg(lines, shot, seed=number))
            times.append(took)
            printed = find_mrz("\n".join(lines), datetime.now(UTC).date())
            assert printed is not None
            # A number may be left open; it is compared with nothing.
            same = found in (printed, printed.model_copy(update={"number": ""}))
            right += same
            wrong += found is not None and not same
        yield Measure(f"zones.read_{name}", 100 * right / DOCUMENTS, "%")
    yield Measure("zones.read_wrong", wrong, "documents", aim=Aim(0, at_least=False))
    yield Measure("zones.median", median(times), "s")
    yield Measure("zones.slowest", max(times), "s", aim=Aim(20, at_least=False))
