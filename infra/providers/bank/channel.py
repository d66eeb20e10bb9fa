"""The way to the bank: two folders, in front of which may stand a SWIFT, EBICS or SFTP gateway.

Out. A file appears in the outbox exactly once, whatever crashes when, because the two steps are each safe to
repeat and the caller keeps which of them is done in its database, under a lock on the row:

    prepared ── stage ──▶ staged ── publish ──▶ sent

`stage` writes the file durably beside the outbox, where the bank does not look; again with the same content
changes nothing. `publish` renames it into the outbox, which either has happened or has not; again finds
nothing to rename, answers False, and the caller, who knows that it was staged, notes it as sent. What the
bank then does with the file does not matter: it is never written a second time.

In. A file stays in the inbox until what it says is stored; then it is archived, or put into quarantine if it
cannot be read. Both are safe to repeat. Nothing is ever overwritten or deleted.
"""

import asyncio
import errno
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from secrets import token_hex
from typing import Final, Protocol
from urllib.parse import quote

from infra.providers.bank.received import MAX_BYTES
from models.bank import UnreadableMessage
from models.errors import Conflict, Malformed

# What is still being written, by the customs of the field; mock-bank has the same list.
UNFINISHED: Final = (".tmp", ".part", ".filepart", ".writing", ".swp")

_OUR_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class BankChannel(Protocol):
    """What the activities need of a channel. Every method is safe to repeat after a crash inside it."""

    async def stage(self, name: str, content: bytes) -> None:
        """Keep `content` durably, unseen by the bank. Raises `Conflict` if `name` has other content."""

    async def is_staged(self, name: str) -> bool:
        """Whether `name` waits to be published."""

    async def publish(self, name: str) -> bool:
        """Give `name` to the bank, once. False: it is not staged, so it was published before."""

    async def waiting(self) -> list[str]:
        """The complete files that the bank has sent and that are not put away, oldest first."""

    async def obstacles(self) -> list[tuple[str, str]]:
        """What lies in the inbox and is no file: each by its name, and what it is. Nobody takes it away but people."""

    async def read(self, name: str) -> bytes:
        """A waiting file. Raises `UnreadableMessage` if too large or no file, `FileNotFoundError` if gone."""

    async def archive(self, name: str) -> str:
        """Put a file away that was read. Answers the name that it has there."""

    async def quarantine(self, name: str) -> str:
        """Put a file away that a person has to look at. Answers the name that it has there."""


class FolderChannel:
    """A channel over an outbox and an inbox, whose other folders are beside them on the same file system."""

    def __init__(self, outbox: Path, inbox: Path) -> None:
        self.outbox = outbox
        self.inbox = inbox
        self.staging = outbox.with_name(f"{outbox.name}.staging")
        self.archived = inbox.with_name(f"{inbox.name}.archive")
        self.quarantined = inbox.with_name(f"{inbox.name}.quarantine")

    async def stage(self, name: str, content: bytes) -> None:
        await asyncio.to_thread(_stage, self.staging, _ours(name), content)

    async def is_staged(self, name: str) -> bool:
        return await asyncio.to_thread(_is_staged, self.staging, _ours(name))

    async def publish(self, name: str) -> bool:
        return await asyncio.to_thread(_publish, self.staging, self.outbox, _ours(name))

    async def waiting(self) -> list[str]:
        return await asyncio.to_thread(_waiting, self.inbox)

    async def obstacles(self) -> list[tuple[str, str]]:
        return await asyncio.to_thread(_obstacles, self.inbox)

    async def read(self, name: str) -> bytes:
        return await asyncio.to_thread(_read, self.inbox, _plain(name))

    async def archive(self, name: str) -> str:
        return await asyncio.to_thread(_put_away, self.inbox, self.archived, _plain(name), _plain(name))

    async def quarantine(self, name: str) -> str:
        return await asyncio.to_thread(_put_away, self.inbox, self.quarantined, _plain(name), _plain(name))


def _ours(name: str) -> str:
    """A name that we give: one that no system in between takes for a path, a hidden or an unfinished file."""
    if not _OUR_NAME.fullmatch(name) or name.endswith(UNFINISHED):
        raise Malformed(f"{name!r} is not a name for a file to the bank")
    return name


def _plain(name: str) -> str:
    """A name that the bank gave: anything, as long as it is one name and not a path."""
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise Malformed(f"{name!r} is not the name of a file in the inbox")
    return name


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    """The folder as a descriptor, made if missing, so that a name in it cannot turn into another place."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        # A folder that a power cut takes away takes its files along.
        with _folder(path.parent) as above:
            os.fsync(above)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_plain_file(folder: int, name: str) -> bool:
    """False: there is nothing of that name. Raises `Malformed` for a link, a folder or a device."""
    try:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(found.st_mode):
        raise Malformed(f"{name} is not a plain file")
    return True


def _stage(staging: Path, name: str, content: bytes) -> None:
    with _folder(staging) as folder:
        if _is_plain_file(folder, name):
            if _read(staging, name) != content:
                raise Conflict(f"{name} is staged with other content")
        else:
            # A crash leaves at most this hidden file, which nobody reads; a full disk leaves none, however often it is
            # tried again.
            unfinished = f".{name}.{token_hex(8)}.tmp"
            try:
                _write(folder, unfinished, content)
                os.rename(unfinished, name, src_dir_fd=folder, dst_dir_fd=folder)
            except OSError:
                with suppress(OSError):
                    os.unlink(unfinished, dir_fd=folder)
                raise
        os.fsync(folder)


def _write(folder: int, name: str, content: bytes) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode=0o640, dir_fd=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _is_staged(staging: Path, name: str) -> bool:
    with _folder(staging) as folder:
        return _is_plain_file(folder, name)


def _publish(staging: Path, outbox: Path, name: str) -> bool:
    with _folder(staging) as source, _folder(outbox) as target:
        published = _move_once(source, target, name)
        # Also when somebody else has moved it: the caller notes it as sent, and a power cut must not undo the
        # move.
        os.fsync(target)
        os.fsync(source)
        return published


def _move_once(source: int, target: int, name: str) -> bool:
    if not _is_plain_file(source, name):
        return False
    # Looked at in this order, a publisher beside us that wins the race is not taken for an obstacle.
    if _is_plain_file(target, name) and _is_plain_file(source, name):
        raise Conflict(f"another file named {name} waits in the outbox")
    try:
        os.rename(name, name, src_dir_fd=source, dst_dir_fd=target)
    except FileNotFoundError:
        return False
    return True


def _waiting(inbox: Path) -> list[str]:
    found: list[tuple[int, list[str | int], str]] = []
    with _folder(inbox) as folder, os.scandir(folder) as entries:
        # All of them first: one that gets another name on the way would be met again.
        for entry in list(entries):
            name = entry.name
            if name.startswith(".") or name.endswith(UNFINISHED) or not entry.is_file(follow_symlinks=False):
                continue
            with suppress(FileNotFoundError):  # another worker was quicker
                written = entry.stat(follow_symlinks=False).st_mtime_ns
                if not _is_text(name):
                    # Such a name cannot be recorded anywhere: the file gets one that says the same in other characters.
                    name = _put_away(inbox, inbox, name, quote(os.fsencode(name))[:200])
                found.append((written, _in_counting_order(name), name))
    return [name for _, _, name in sorted(found)]


def _obstacles(inbox: Path) -> list[tuple[str, str]]:
    with _folder(inbox) as folder, os.scandir(folder) as entries:
        return sorted(
            (quote(os.fsencode(entry.name))[:200] if not _is_text(entry.name) else entry.name, _what(entry))
            for entry in entries
            if not entry.name.startswith(".") and not entry.is_file(follow_symlinks=False)
        )


def _what(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "a link"
    return "a folder" if entry.is_dir(follow_symlinks=False) else "a device or a pipe"


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _in_counting_order(name: str) -> list[str | int]:
    """A key by which `-9` comes before `-11`: the bank numbers its files."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", name)]


def _read(folder: Path, name: str) -> bytes:
    try:
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as problem:
        if problem.errno != errno.ELOOP:
            raise
        raise UnreadableMessage(f"{name} is a link, not a file") from None
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise UnreadableMessage(f"{name} is not a file")
        # By its size before any of it is read, and by what is read: it may have grown since.
        content = b"" if found.st_size > MAX_BYTES else file.read(MAX_BYTES + 1)
        size = max(found.st_size, len(content))
        if size > MAX_BYTES:
            raise UnreadableMessage(f"{name} has {size} bytes; at most {MAX_BYTES} are read")
        return content


def _put_away(inbox: Path, to: Path, name: str, wanted: str) -> str:
    with _folder(inbox) as source, _folder(to) as target:
        # One at a time, so that a name found free stays free; the lock ends with the descriptor.
        fcntl.flock(source, fcntl.LOCK_EX)
        if not _is_plain_file(source, name):
            if _is_taken(target, wanted):
                return wanted
            raise FileNotFoundError(errno.ENOENT, "neither waiting nor put away", name)
        kept = next(free for free in _names(wanted) if not _is_taken(target, free))
        os.rename(name, kept, src_dir_fd=source, dst_dir_fd=target)
        os.fsync(target)
        os.fsync(source)
        return kept


def _is_taken(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _names(wanted: str) -> Iterator[str]:
    """`wanted`, and then with numbers before its ending: `statement.xml`, `statement-1.xml` …"""
    yield wanted
    path = Path(wanted)
    # File systems stop at 255 bytes; the number has to fit.
    stem = path.stem if len(os.fsencode(wanted)) <= 240 else path.stem[:50]
    for number in count(1):
        yield f"{stem}-{number}{path.suffix}"
