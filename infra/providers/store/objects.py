"""What an object store is for us: bytes under a key, written whole or not at all, and never changed."""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import BinaryIO, Final, Protocol

from pydantic import BaseModel, ConfigDict

# Bytes that are read or written at once.
CHUNK: Final = 64 * 1024
_KEY: Final = re.compile(r"[a-z0-9_-]{1,64}(/[a-z0-9_-]{1,128}){0,4}")


class ObjectMissing(LookupError):
    """There is no object under this key."""


class ObjectExists(ValueError):
    """There is an object under this key, and objects do not change."""


class StoredObject(BaseModel):
    """One object of a listing."""

    model_config = ConfigDict(frozen=True)

    key: str
    size: int
    modified_at: datetime


class ObjectStore(Protocol):
    """A place for objects. Every method raises `Unavailable` where the store does not answer or refuses us."""

    async def put(self, key: str, content: BinaryIO) -> None:
        """Writes what `content` has from its present place on. After it returns, the object outlives a power cut.

        Raises `ObjectExists`.
        """
        ...

    def read(self, key: str) -> AsyncIterator[bytes]:
        """The bytes of an object, in pieces of at most `CHUNK`. Raises `ObjectMissing` with the first piece."""
        ...

    async def remove(self, key: str) -> None:
        """Takes an object out. It is no error that it is gone."""
        ...

    def listed(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Every object whose key begins with `prefix/`, and what an interrupted `put` has left there."""
        ...


def checked_key(key: str) -> str:
    """`key`. Raises `ValueError` for one that no code of ours makes: it could leave a folder."""
    if not _KEY.fullmatch(key):
        raise ValueError("a key is made of words of a-z, 0-9, _ and - with slashes between them")
    return key
