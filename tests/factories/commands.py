"""Commands of operators, run as they run them."""

import asyncio
import os
import subprocess
import sys
from typing import Any

from infra.local.site import REPOSITORY
from tests.databases import Database


async def admin(database: Database, *words: str, **settings: str) -> tuple[int, str, str]:
    """The exit status, the output and the complaints of one `python -m infra.admin`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AURUM_")}
    environment |= {"AURUM_DATABASE_URL": database.owner_url, **settings}
    command = [sys.executable, "-m", "infra.admin", *words]
    ended: Any = await asyncio.to_thread(
        subprocess.run, command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout, ended.stderr
