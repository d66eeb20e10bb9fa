"""A folder as an object store, for the embedded stack and for a single machine with a backed-up disk."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final, ParamSpec, TypeVar

from infra.providers.store.objects import CHUNK, ObjectExists, ObjectMissing, StoredObject, checked_key
from models.errors import Unavailable

_PART: Final = ".part"
P = ParamSpec("P")
T = TypeVar("T")


class FolderStore:
    """One file of mode 0600 for each object."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def put(self, key: str, content: BinaryIO) -> None:
        """Writes an object; see `ObjectStore.put`."""
        await _in_thread(self._write, self._path(key), content)

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """The bytes of an object; see `ObjectStore.read`."""
        try:
            file = await _in_thread(self._path(key).open, "rb")
        except FileNotFoundError:
            raise ObjectMissing(key) from None
        with file:
            while piece := await _in_thread(file.read, CHUNK):
                yield piece

    async def remove(self, key: str) -> None:
        """Takes an object out; see `ObjectStore.remove`."""
        await _in_thread(self._path(key).unlink, missing_ok=True)

    async def listed(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Every object below `prefix`; see `ObjectStore.listed`."""
        for found in await _in_thread(self._walk, self._path(prefix)):
            yield found

    def _path(self, key: str) -> Path:
        checked_key(key.removesuffix(_PART))
        return self._folder / key

    def _write(self, path: Path, content: BinaryIO) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Made with mode 0600. A process that dies here leaves a part, which the sweep finds in the listing.
        handle, part = tempfile.mkstemp(dir=path.parent, suffix=_PART, prefix="unfinished-")
        try:
            with os.fdopen(handle, "wb") as file:
                while piece := content.read(CHUNK):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            # Unlike a renaming, a link does not replace what is there.
            path.hardlink_to(part)
        except FileExistsError:
            raise ObjectExists(path.name) from None
        finally:
            Path(part).unlink(missing_ok=True)
        _sync_folder(path.parent)

    def _walk(self, top: Path) -> list[StoredObject]:
        found = []
        for path in sorted(top.rglob("*")):
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            if path.is_file():
                key = path.relative_to(self._folder).as_posix()
                changed = datetime.fromtimestamp(status.st_mtime, UTC)
                found.append(StoredObject(key=key, size=status.st_size, modified_at=changed))
        return found


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


async def _in_thread(act: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(act, *args, **named)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unavailable(f"The object store cannot be used: {error.strerror}") from error
