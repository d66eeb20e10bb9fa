"""Content of any length, sealed in chunks: AES-256-GCM in the STREAM construction (Hoang, Reyhanitabar, Rogaway and
Vizár 2015, as age and Tink use it), so that 10 MB need no more memory than one chunk.

    header: "AUD1" | chunk size (4) · then each chunk: ciphertext | tag (16)

The nonce of a chunk is its number (11 bytes) and whether it is the last (1 byte). The key is used for this one content
alone, so no nonce comes twice. The associated data is the header and the context. So a content whose chunks are cut
off, moved, repeated or exchanged, which goes on after its end, or which stands elsewhere than it was sealed for, does
not open; and what came out before that was found is a true beginning of it.
"""

import struct
from collections.abc import AsyncIterator
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.crypto import TAG_BYTES, FieldUnreadable

CHUNK: Final = 64 * 1024
HEADER: Final = b"AUD1" + struct.pack(">I", CHUNK)
_SEALED_CHUNK: Final = CHUNK + TAG_BYTES


def new_key() -> bytes:
    """A key for one content."""
    return AESGCM.generate_key(256)


def seal(source: BinaryIO, target: BinaryIO, key: bytes, context: bytes) -> None:
    """Writes what is left of `source`, sealed for `context`. `key` seals nothing else, before or after."""
    cipher, bound = AESGCM(key), HEADER + context
    target.write(HEADER)
    number, chunk = 0, _full(source)
    while True:
        following = _full(source) if len(chunk) == CHUNK else b""
        target.write(cipher.encrypt(_nonce(number, last=not following), chunk, bound))
        if not following:
            return
        number, chunk = number + 1, following


async def opened(pieces: AsyncIterator[bytes], key: bytes, context: bytes) -> AsyncIterator[bytes]:
    """What was sealed, chunk by chunk. Raises `FieldUnreadable`, also after the last chunk that could be opened."""
    cipher, bound, number, waiting = AESGCM(key), HEADER + context, 0, bytearray()
    headed = False
    async for piece in pieces:
        waiting += piece
        if not headed and len(waiting) >= len(HEADER):
            _check_header(waiting)
            headed = True
            del waiting[: len(HEADER)]
        # The chunk that the content ends with is opened as such, so one is always kept back.
        while headed and len(waiting) > _SEALED_CHUNK:
            yield _opened(cipher, waiting[:_SEALED_CHUNK], _nonce(number, last=False), bound)
            del waiting[:_SEALED_CHUNK]
            number += 1
    if not headed:
        _check_header(waiting)
    yield _opened(cipher, waiting, _nonce(number, last=True), bound)


def _full(source: BinaryIO) -> bytes:
    read = bytearray()
    while len(read) < CHUNK and (piece := source.read(CHUNK - len(read))):
        read += piece
    return bytes(read)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes((last,))


def _check_header(beginning: bytearray) -> None:
    if beginning[: len(HEADER)] != HEADER:
        raise FieldUnreadable("not a sealed content, or one of a later version")


def _opened(cipher: AESGCM, sealed: bytearray, nonce: bytes, bound: bytes) -> bytes:
    try:
        return cipher.decrypt(nonce, bytes(sealed), bound)
    except (InvalidTag, ValueError):
        # A ValueError where there is no room for a tag.
        raise FieldUnreadable("a sealed content does not open") from None
