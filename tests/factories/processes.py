"""Processes of the API beside the test's own."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from infra.local.application import Api
from infra.local.folder import DataFolder
from infra.local.ports import claim
from infra.local.site import Site
from tests.databases import Database


@contextmanager
def api_process(folder: Path, database: Database, **settings: str) -> Iterator[str]:
    """An API as the embedded stack starts it, in a process of its own; its address. `settings`: as variables."""
    data = DataFolder(folder)
    data.prepare()
    with data.exclusive():
        site = Site(data, claim(data, (), api_port=None, fixed=False), data.secrets())
    launch = Api(site, {"AURUM_EVEN_ANSWER_SECONDS": "0", "AURUM_TEMPORAL_ADDRESS": "127.0.0.1:9"}).prepare()
    environment = {**os.environ, **launch.environment, "AURUM_DATABASE_API_URL": database.api_url, **settings}
    log = (folder / "api.log").open("wb")
    with log, subprocess.Popen(launch.command, cwd=launch.cwd, env=environment, stdout=log, stderr=log) as process:
        try:
            _until_it_answers(f"{site.api_url}/health", process)
            yield site.api_url
        finally:
            process.terminate()


def _until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends and process.poll() is None:
        try:
            httpx.get(url, timeout=1)
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("the API does not answer")
