"""Fetches a list where there is a newer one than we have.

Over HTTP we say what we have (`If-None-Match`, `If-Modified-Since`, RFC 9110 §13) and are told that it holds (304), or
are given the new one, which is written to a folder while it comes. A file or folder is newer when its time or size is
another one.
"""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Final
from urllib.parse import unquote, urlsplit

import httpx

from infra.watchlists import BUNDLED_FILE
from models.errors import Unavailable
from models.screening.lists import ListRefused
from models.screening.sources import BUNDLED, ListSource

PATIENCE: Final = httpx.Timeout(60, connect=15)
# OpenSanctions' largest collection is about 3 GB; more than this is not a list.
LARGEST_BYTES: Final = 4 << 30
_CHUNK: Final = 1 << 16


@dataclass(frozen=True)
class Known:
    """What the source said of the file that we have."""

    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True)
class Fetched:
    """A file to be read. `temporary`: to be removed afterwards."""

    path: Path
    known: Known
    temporary: bool


class Fetcher:
    """Fetches lists into `folder`."""

    def __init__(self, folder: Path, *, largest: int = LARGEST_BYTES) -> None:
        self._folder = folder
        self._largest = largest

    async def fetch(
        self, source: ListSource, known: Known, progress: Callable[[int], None] = lambda _: None
    ) -> Fetched | None:
        """The newer file, or None where what is `known` holds. `progress` is told how many bytes came.

        Raises `Unavailable` when the source does not answer or breaks off, `ListRefused` when it says that there is no
        such list, or gives more than can be one.
        """
        if source.location == BUNDLED:
            return await asyncio.to_thread(_newer, BUNDLED_FILE, known)
        if source.location.startswith("file:"):
            return await asyncio.to_thread(_newer, Path(unquote(urlsplit(source.location).path)), known)
        await asyncio.to_thread(self._folder.mkdir, parents=True, exist_ok=True)
        try:
            return await self._download(source, known, progress)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Unavailable(f"the source of {source.name} broke off: {type(error).__name__}") from error

    async def _download(self, source: ListSource, known: Known, progress: Callable[[int], None]) -> Fetched | None:
        headers = {"Accept-Encoding": "gzip"}
        if known.etag:
            headers["If-None-Match"] = known.etag
        if known.last_modified:
            headers["If-Modified-Since"] = known.last_modified
        async with (
            httpx.AsyncClient(timeout=PATIENCE, follow_redirects=True, max_redirects=5) as client,
            client.stream("GET", source.location, headers=headers) as answer,
        ):
            if answer.status_code == HTTPStatus.NOT_MODIFIED:
                return None
            if answer.url.scheme != urlsplit(source.location).scheme:
                raise ListRefused(f"the source of {source.name} leads from https to {answer.url.scheme}")
            if answer.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
                raise ListRefused(f"the source of {source.name} answers {answer.status_code}")
            if answer.status_code != HTTPStatus.OK:
                raise Unavailable(f"the source of {source.name} answers {answer.status_code}")
            path = await self._written(source, answer, progress)
            return Fetched(path, Known(answer.headers.get("ETag"), answer.headers.get("Last-Modified")), temporary=True)

    async def _written(self, source: ListSource, answer: httpx.Response, progress: Callable[[int], None]) -> Path:
        with tempfile.NamedTemporaryFile(
            dir=self._folder, prefix=f"{source.name}.", suffix=Path(answer.url.path).suffix, delete=False
        ) as file:
            path = Path(file.name)
            try:
                await self._copy(source, answer, file, progress)
            except BaseException:
                await asyncio.to_thread(path.unlink, missing_ok=True)
                raise
        return path

    async def _copy(
        self, source: ListSource, answer: httpx.Response, file: IO[bytes], progress: Callable[[int], None]
    ) -> None:
        size = 0
        async for chunk in answer.aiter_bytes(_CHUNK):
            size += len(chunk)
            if size > self._largest:
                raise ListRefused(f"the source of {source.name} gives more than {self._largest} bytes")
            file.write(chunk)
            progress(size)


def _newer(path: Path, known: Known) -> Fetched | None:
    if not path.exists():
        raise ListRefused(f"there is no file {path.name}")
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    etag = ",".join(f"{one.name}-{one.stat().st_mtime_ns}-{one.stat().st_size}" for one in files)
    return None if etag == known.etag else Fetched(path, Known(etag), temporary=False)
