"""`python -m tests.bench [--only NAME[,NAME]]`: measures, prints a table, writes `.local/bench.json`.

The file holds `{name: {value, unit, floor, ratio}}` of the newest run of each part; see `tests.bench.parts.Measure`.
"""

import argparse
import asyncio
import importlib
import json
import os
import pkgutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

import tests.bench
from tests.bench.parts import PARTS, Measure

RESULTS: Final = Path(__file__).parents[2] / ".local" / "bench.json"


@dataclass
class Report:
    """What was found so far, on the screen and in the file."""

    console: Console = field(default_factory=Console)
    found: list[Measure] = field(default_factory=list)

    def add(self, measure: Measure) -> None:
        """Shows a figure at once, since the next one may take a while."""
        self.found.append(measure)
        self.console.print(f"  {measure.name}: {_figure(measure.value)} {measure.unit}", highlight=False)

    def table(self) -> Table:
        """All of it."""
        table = Table("measure", "value", "unit", "floor", "ratio", "aim")
        for measure in self.found:
            aim, verdict = measure.aim, ""
            if aim is not None:
                sign = "≥" if aim.at_least else "≤"
                verdict = f"{sign} {aim.bound:g} {'met' if aim.met(measure) else 'missed'}"
            floor, ratio = (_figure(number) for number in (measure.floor, measure.ratio))
            table.add_row(measure.name, _figure(measure.value), measure.unit, floor, ratio, verdict)
        return table

    def write(self) -> None:
        """Replaces the figures of the parts that ran, and leaves those of the others."""
        try:
            known = json.loads(RESULTS.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            known = {}
        for measure in self.found:
            known[measure.name] = {
                "value": measure.value,
                "unit": measure.unit,
                "floor": measure.floor,
                "ratio": measure.ratio,
            }
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def _figure(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number:,.0f}" if abs(number) >= 100 or number == int(number) else f"{number:,.2f}"


async def _run(names: list[str]) -> Report:
    report = Report()
    for name in names:
        report.console.print(f"{name}:", style="bold")
        async for measure in PARTS[name].measure():
            report.add(measure)
    return report


def main() -> None:
    """Runs the parts that are named, or all that run by default."""
    for module in pkgutil.iter_modules(tests.bench.__path__):
        if module.name != "__main__":
            importlib.import_module(f"tests.bench.{module.name}")
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure the bank on this machine.")
    parser.add_argument("--only", default=os.environ.get("ONLY", ""), help=f"parts, of {', '.join(PARTS)}")
    named = [name for name in parser.parse_args().only.split(",") if name]
    unknown = [name for name in named if name not in PARTS]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    report = asyncio.run(_run(named or [name for name, known in PARTS.items() if known.by_default]))
    report.write()
    report.console.print(report.table())


if __name__ == "__main__":
    main()
