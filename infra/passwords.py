"""Password hashing off the event loop: Argon2id, and bcrypt hashes of an older system, which are upgraded.

Argon2id takes 64 MiB and most of a tenth of a second each time (RFC 9106, low-memory profile), so it runs in a few
threads of its own, and only so many may wait for them. Callers hold no database connection meanwhile: a flood of
sign-ins would otherwise keep everybody from their balance.
"""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from pwdlib.exceptions import PwdlibError
from pwdlib.hashers.argon2 import Argon2Hasher
from pwdlib.hashers.bcrypt import BcryptHasher

from models.errors import Unavailable

THREADS: Final = max(2, min(4, os.cpu_count() or 2))
LONGEST_QUEUE: Final = 256
# bcrypt reads no further, and the older system cut passwords there.
_BCRYPT_BYTES: Final = 72

T = TypeVar("T")


class Passwords:
    """Hashes and verifies passwords."""

    def __init__(self) -> None:
        self._argon2 = Argon2Hasher()
        self._bcrypt = BcryptHasher(rounds=12)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._waiting = 0
        # Verified against where there is nobody, so that an unknown address costs what a known one does.
        self._nobody = self._argon2.hash(os.urandom(16).hex())

    async def hash(self, password: str) -> str:
        """A new Argon2id hash. Raises `Unavailable` when too many wait."""
        return await self._run(lambda: self._argon2.hash(password))

    async def verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        """Whether `password` is the one of the hash, and the hash to store instead where that one is outdated.

        None stands for a person who does not exist or has no password; it takes as long. Raises `Unavailable` when too
        many wait.
        """
        return await self._run(lambda: self._verify(password, stored))

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _verify(self, password: str, stored: str | None) -> tuple[bool, str | None]:
        if stored is not None and self._bcrypt.identify(stored):
            right = self._bcrypt.verify(password.encode()[:_BCRYPT_BYTES], stored)
            return right, self._argon2.hash(password) if right else None
        try:
            right = self._argon2.verify(password, stored or self._nobody) and stored is not None
        except PwdlibError:
            return False, None
        outdated = right and stored is not None and self._argon2.check_needs_rehash(stored)
        return right, self._argon2.hash(password) if outdated else None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= LONGEST_QUEUE:
            raise Unavailable("Too many people are signing in at this moment")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
