"""A form with one file in it (RFC 7578), read as it comes: its fields in memory, its file in a file without a name.

Nothing is kept of a form that is too large, cut off or no form, since the file is gone when it is closed.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import PurePath
from typing import Any, BinaryIO, Final

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.errors import BodyTooLarge, UnsupportedMediaType
from models.errors import Malformed

MOST_FIELDS: Final = 16
LONGEST_FIELD: Final = 1000
# Boundaries, headers and fields beside the file.
FRAME: Final = 64 * 1024
PATIENCE_SECONDS: Final = 120.0
# Bytes that are collected before they are written.
_WRITTEN_AT_ONCE: Final = 256 * 1024


@dataclass
class FileForm:
    """What was sent. `suffix` is that of the file's name, of which nothing else is kept; `declared` the type that its
    sender gives it. Both are somebody's word."""

    file: BinaryIO
    fields: dict[str, str] = field(default_factory=dict)
    suffix: str = ""
    declared: str = ""
    size: int = 0
    sha256: str = ""

    @property
    def meaning(self) -> dict[str, Any]:
        """What makes it this form and no other, for idempotency keys."""
        return {"fields": self.fields, "file": self.sha256, "suffix": self.suffix, "declared": self.declared}


@asynccontextmanager
async def file_form(request: Request, *, name: str, most_bytes: int) -> AsyncIterator[FileForm]:
    """The form of `request`, whose file stands in the field `name`, until the block ends.

    Raises `UnsupportedMediaType`, `BodyTooLarge` (before it reads more than it has to), and `Malformed` for a form that
    is cut off, has no file or two of them, a field twice, or takes longer than `PATIENCE_SECONDS`.
    """
    boundary = _boundary(request)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > most_bytes + FRAME):
        raise _too_large(most_bytes)
    with await asyncio.to_thread(tempfile.TemporaryFile) as file:
        reading = _Reading(FileForm(file), name, most_bytes)
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await reading.all_of(request, boundary)
        except TimeoutError:
            raise Malformed("The body took too long to come") from None
        yield reading.form


def _boundary(request: Request) -> bytes:
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise UnsupportedMediaType("The body of this request is multipart/form-data with a boundary")
    return boundary


def _too_large(most_bytes: int) -> BodyTooLarge:
    return BodyTooLarge(f"A file has at most {most_bytes} bytes")


class _Reading:
    """The state of reading one form; the parser calls it back for every bit of it."""

    def __init__(self, form: FileForm, name: str, most_bytes: int) -> None:
        self.form = form
        self._name = name
        self._most_bytes = most_bytes
        self._header_name, self._header_value = bytearray(), bytearray()
        self._part, self._is_file, self._value = "", False, bytearray()
        self._seen_file = self._ended = False
        self._waiting, self._hash = bytearray(), hashlib.sha256()

    async def all_of(self, request: Request, boundary: bytes) -> None:
        """Reads the body to its end."""
        try:
            parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._hear_header_name,
                    "on_header_value": self._hear_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._hear_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
            received = 0
            async for chunk in request.stream():
                received += len(chunk)
                if received > self._most_bytes + FRAME:
                    raise _too_large(self._most_bytes)
                parser.write(chunk)
                if len(self._waiting) >= _WRITTEN_AT_ONCE:
                    await self._write()
        except FormParserError:
            raise Malformed("The body is no form as its type says") from None
        if not self._ended:
            raise Malformed("The form ends in the middle")
        if not self._seen_file:
            raise Malformed(f"The form has no file in the field {self._name}")
        await self._write()
        self.form.file.seek(0)
        self.form.sha256 = self._hash.hexdigest()

    async def _write(self) -> None:
        # The parser has gone on by the time: it writes into another one.
        waiting, self._waiting = self._waiting, bytearray()

        def write() -> None:
            self._hash.update(waiting)
            self.form.file.write(waiting)
            self.form.file.flush()

        await asyncio.to_thread(write)

    def _begin_part(self) -> None:
        self._part, self._is_file, self._value = "", False, bytearray()

    def _hear_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _hear_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        name, value = bytes(self._header_name).lower(), bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()
        if name == b"content-disposition":
            _, options = parse_options_header(value)
            self._part = options.get(b"name", b"").decode("utf-8", "replace")
            self._is_file = b"filename" in options
            if self._is_file:
                file_name = options[b"filename"].decode("utf-8", "replace")
                self.form.suffix = PurePath(file_name).suffix.lower()[:16]
        elif name == b"content-type" and self._is_file:
            message = Message()
            message["content-type"] = value.decode("latin-1")
            self.form.declared = message.get_content_type()

    def _end_headers(self) -> None:
        if self._is_file != (self._part == self._name):
            raise Malformed(f"The form has one file, in the field {self._name}")
        if self._is_file and self._seen_file:
            raise Malformed("The form has more than one file")
        if self._part in self.form.fields or len(self.form.fields) >= MOST_FIELDS:
            raise Malformed("A field of the form comes twice, or there are too many of them")
        self._seen_file = self._seen_file or self._is_file

    def _hear_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self.form.size += end - start
            if self.form.size > self._most_bytes:
                raise _too_large(self._most_bytes)
            self._waiting += data[start:end]
            return
        self._value += data[start:end]
        if len(self._value) > LONGEST_FIELD:
            raise Malformed(f"A field of the form has at most {LONGEST_FIELD} bytes")

    def _end_part(self) -> None:
        if not self._is_file:
            try:
                value = self._value.decode()
            except UnicodeDecodeError:
                raise Malformed("A field of the form is not UTF-8") from None
            if "\0" in value:
                raise Malformed("Text cannot hold U+0000")
            self.form.fields[self._part] = value

    def _end(self) -> None:
        self._ended = True
