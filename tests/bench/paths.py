"""Events per wire by the path that it goes, from the recorded histories; what each may take is in
`tests.workflows.paths`, with the reason, and a test holds it.
"""

from collections.abc import AsyncIterator

from tests.bench.parts import Aim, Measure, part
from tests.workflows.paths import ceiling_of, events_of
from tests.workflows.paths import paths as recorded


@part("paths")
async def paths() -> AsyncIterator[Measure]:
    """One line for each path."""
    for path in recorded():
        name = "paths." + path.replace(".test_", ".")
        yield Measure(name, events_of(path), "events", aim=Aim(ceiling_of(path).events, at_least=False))
