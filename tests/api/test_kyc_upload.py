"""Customers send documents: what is kept of them, and how each bad file is refused without leaving anything behind."""

import asyncio
import io
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

import pikepdf
import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from pikepdf import Dictionary, Name, String
from PIL import Image
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from api import uploads as admission
from api.parts import parts_of
from infra.database import transaction
from infra.settings import Settings
from models.kyc.documents import MOST_BYTES, ScanStatus
from models.tables.kyc import documents
from models.tables.kyc.documents import Document
from tests.factories import uploads as files
from tests.factories.auth import signed_in
from tests.factories.stores import whole
from tests.factories.users import Person, add_customer, add_officer

UPLOAD = "/api/v1/kyc/upload"


@dataclass
class Door:
    """A customer in front of the upload, and a look at what lies behind it."""

    app: FastAPI
    client: AsyncClient
    owner: AsyncEngine
    person: Person
    headers: dict[str, str]
    store: Path
    temporary: Path

    async def send(
        self, content: bytes, name: str = "", kind: str = "application/octet-stream", **more: Any
    ) -> Response:
        """Sends a file as a passport; `more` are further fields, or `headers`."""
        headers = self.headers | more.pop("headers", {})
        fields = {"document_type": "passport"} | more
        return await self.client.post(
            UPLOAD, data=fields, files={"file": (name or "file", content, kind)}, headers=headers
        )

    async def rows(self) -> int:
        """How many documents there are."""
        return await self._count("kyc_documents")

    async def _count(self, what: str) -> int:
        async with transaction(self.owner) as session:
            return int((await session.execute(text(f"SELECT count(*) FROM {what}"))).scalar_one())

    async def only(self) -> Document:
        """The one document there is."""
        async with transaction(self.owner) as session:
            [only] = await documents.of_customer(session, self.person.id, history=True)
        return only

    async def content(self, document: Document) -> bytes:
        """What is kept of it."""
        vault = parts_of({"app": self.app}).uploads.vault
        return await whole(vault.content(document, unscanned=True))

    def objects(self) -> list[Path]:
        """What lies in the store."""
        return [path for path in self.store.rglob("*") if path.is_file()]

    def still_open(self) -> list[str]:
        """Temporary files that this process still has, with a name or without."""
        opened = [str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
        return [path for path in opened if path.startswith(str(self.temporary))]

    def lying_about(self) -> list[Path]:
        """Temporary files with a name."""
        return list(self.temporary.iterdir())

    async def left_nothing(self) -> None:
        """Asserts that there is no row, object, temporary file, process to start or file that is still open."""
        assert (await self.rows(), self.objects(), self.lying_about()) == (0, [], [])
        assert await self._count("outbox") == 0
        assert not self.still_open()


@pytest.fixture
async def door(
    app: FastAPI, client: AsyncClient, owner_engine: AsyncEngine, api_settings: Settings, tmp_path: Path
) -> AsyncIterator[Door]:
    person = await add_customer(owner_engine, kyc_status="not_started")
    headers = await signed_in(app, owner_engine, person)
    async with transaction(owner_engine) as session:
        await session.execute(text("DELETE FROM outbox"))
    with patch.object(tempfile, "tempdir", str(tmp_path)):
        yield Door(app, client, owner_engine, person, headers, api_settings.store_dir, tmp_path)


def is_problem(answered: Response, status: int, code: str, reason: str | None = None) -> None:
    """Asserts that it is a clear refusal."""
    assert (answered.status_code, answered.json()["code"]) == (status, code), answered.text
    assert answered.headers["Content-Type"] == "application/problem+json"
    assert len(answered.json()["detail"]) > 10
    if reason:
        assert answered.json()["reason"] == reason


def _cmyk() -> bytes:
    written = io.BytesIO()
    files.picture().convert("CMYK").save(written, "JPEG")
    return written.getvalue()


def _turned(content: bytes) -> bytes:
    half = len(content) // 2
    return content[:half] + bytes((content[half] ^ 0xFF,)) + content[half + 1 :]


def _hidden_name() -> bytes:
    plain = files.written(
        files.document(OpenAction=files.action("XavaScript")), object_stream_mode=pikepdf.ObjectStreamMode.disable
    )
    return plain.replace(b"/XavaScript", b"/#4aavaScript")


def _saved_twice() -> bytes:
    # As a program leaves it that adds to a file, with line ends of its own.
    return files.pdf() + b"\r\n% added\n%%EOF\r\n\r\n"


GOOD: dict[str, tuple[Callable[[], bytes], str, str, int]] = {
    "a JPEG": (files.jpeg, "passport.jpg", "image/jpeg", 1),
    "a PNG": (files.png, "passport.PNG", "image/png", 1),
    "a PNG with a palette": (lambda: files.png(mode="P"), "", "image/png", 1),
    "a PNG in black and white": (lambda: files.png(mode="1"), "", "image/png", 1),
    "a PNG one can see through": (lambda: files.png(mode="RGBA"), "", "image/png", 1),
    "a JPEG of a printer": (_cmyk, "scan.jpeg", "image/jpeg", 1),
    "a PDF": (lambda: files.pdf(3), "statement.pdf", "application/pdf", 3),
    "a PDF with a filled form": (files.pdf_with_form, "w9.pdf", "application/pdf", 1),
    "a PDF with a link": (
        lambda: files.with_link(files.action("URI", URI=String("https://x.example"))),
        "",
        "application/pdf",
        1,
    ),
    "a PDF that was saved twice": (_saved_twice, "", "application/pdf", 1),
}


@pytest.mark.parametrize("name", GOOD)
async def test_a_document_is_written_anew_and_kept_sealed(door: Door, name: str) -> None:
    make, file_name, kind, pages = GOOD[name]
    content = make()
    answered = await door.send(content, file_name, kind, expires_at="2040-12-31", country="NL")
    assert answered.status_code == 201, answered.text
    told = answered.json()
    assert (told["document_type"], told["status"], told["scan_status"]) == ("passport", "pending", "pending")
    assert (told["content_type"], told["pages"], told["country"]) == (kind, pages, "NL")
    document = await door.only()
    kept = await door.content(document)
    assert len(kept) == document.size_bytes == told["size"]
    [lying] = door.objects()
    assert kept[:64] not in lying.read_bytes()
    assert str(document.user_id) not in str(lying)
    if kind == "application/pdf":
        with pikepdf.open(io.BytesIO(kept)) as reread:
            assert len(reread.pages) == pages
            assert set(reread.Root.keys()) <= {"/Type", "/Pages"}
            assert "/Annots" not in reread.pages[0]
    else:
        with Image.open(io.BytesIO(kept)) as reread:
            assert (reread.width, reread.height) == (900, 600)


async def test_the_alias_is_the_same_operation(door: Door) -> None:
    answered = await door.client.post(
        "/api/v1/users/kyc",
        data={"document_type": "tax_form"},
        files={"file": ("form.pdf", files.pdf(), "application/pdf")},
        headers=door.headers,
    )
    assert (answered.status_code, answered.json()["document_type"]) == (201, "tax_form")


async def test_where_a_photograph_was_taken_is_gone_and_how_it_was_held_is_applied(door: Door) -> None:
    assert files.WHERE.encode() in files.photograph()
    await door.send(files.photograph(), "IMG_1.JPG", "image/jpeg")
    kept = await door.content(await door.only())
    assert files.WHERE.encode() not in kept
    with Image.open(io.BytesIO(kept)) as reread:
        assert reread.size == (600, 900)
        assert not reread.getexif()


async def test_what_follows_a_picture_in_its_file_is_gone(door: Door) -> None:
    for content in (files.jpeg(2) + b"PK\x03\x04 a file", files.png(3) + b"<script>alert(1)</script>"):
        assert (await door.send(content)).status_code == 201
    for lying in await _all_of(door):
        kept = await door.content(lying)
        assert b"PK\x03\x04" not in kept
        assert b"<script>" not in kept


async def _all_of(door: Door) -> list[Document]:
    async with transaction(door.owner) as session:
        return list(await documents.of_customer(session, door.person.id))


async def test_a_filled_form_shows_what_was_filled_in(door: Door) -> None:
    await door.send(files.pdf_with_form())
    kept = await door.content(await door.only())
    with pikepdf.open(io.BytesIO(kept)) as reread:
        drawn = b"".join(
            one.read_bytes()
            for one in reread.objects
            if isinstance(one, pikepdf.Stream) and one.get("/Subtype") == Name.Form
        )
    assert b"Mira Example" in drawn


async def test_the_same_picture_saved_worse_looks_the_same_to_the_desk(door: Door) -> None:
    other = await add_customer(door.owner)
    theirs = await signed_in(door.app, door.owner, other)
    await door.send(files.jpeg(seed=5))
    await door.send(files.jpeg(seed=5, quality=30), headers=theirs)
    await door.send(files.jpeg(seed=6), headers=theirs)
    async with transaction(door.owner) as session:
        found = await documents.duplicates(session, (await door.only()).id)
    assert [(one.user_id, one.likeness) for one in found] == [(other.id, "picture")]


BAD: dict[str, tuple[Callable[[], bytes], int, str, str | None]] = {
    "an empty file": (lambda: b"", 400, "document_refused", "empty"),
    "a text": (lambda: b"Dear bank, I am who I am.", 415, "unsupported_media_type", None),
    "an HTML page": (lambda: b"<html><script>alert(1)</script></html>", 415, "unsupported_media_type", None),
    "an SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "unsupported_media_type", None),
    "a GIF": (lambda: b"GIF89a" + bytes(100), 415, "unsupported_media_type", None),
    "a ZIP": (lambda: b"PK\x03\x04" + bytes(100), 415, "unsupported_media_type", None),
    "a program": (lambda: b"\x7fELF" + bytes(100), 415, "unsupported_media_type", None),
    "PostScript": (lambda: b"%!PS-Adobe-3.0\n", 415, "unsupported_media_type", None),
    "a broken JPEG": (lambda: files.jpeg()[:5000], 400, "document_refused", "broken"),
    "a JPEG of its first bytes": (lambda: b"\xff\xd8\xff\xe0", 400, "document_refused", "broken"),
    "a broken PNG": (lambda: files.png()[:2000], 400, "document_refused", "broken"),
    "a PNG with a wrong checksum": (lambda: _turned(files.png()), 400, "document_refused", "broken"),
    "a PNG bomb": (lambda: files.png_bomb(30_000), 400, "document_refused", "too_many_pixels"),
    "a PNG that is long and thin": (lambda: files.png_of(25_000, 1), 400, "document_refused", "too_many_pixels"),
    "a PNG with a bomb in its notes": (files.png_with_text_bomb, 400, "document_refused", "broken"),
    "a broken PDF": (lambda: files.pdf()[:-700], 400, "document_refused", "broken"),
    "a PDF of a header alone": (lambda: b"%PDF-1.7\n%%EOF\n", 400, "document_refused", "broken"),
    "a PDF of zeros": (lambda: b"%PDF-1.7\n" + bytes(100_000), 400, "document_refused", "broken"),
    "a PDF without pages": (lambda: files.written(pikepdf.new()), 400, "document_refused", "no_pages"),
    "a PDF with too many pages": (lambda: files.pdf(101), 400, "document_refused", "too_many_pages"),
    "a PDF with a bomb for a picture": (files.pdf_bomb, 400, "document_refused", "too_many_pixels"),
    "a PDF of lists in lists": (files.pdf_of_nested_arrays, 400, "document_refused", "too_complex"),
    "a PDF that begins late": (lambda: b"GIF89a\n" + files.pdf(), 400, "document_refused", "polyglot"),
    "a PDF that goes on as a ZIP": (
        lambda: files.pdf() + b"PK\x05\x06" + bytes(18),
        400,
        "document_refused",
        "polyglot",
    ),
    "a PDF that goes on as HTML": (lambda: files.pdf() + b"<script>x</script>", 400, "document_refused", "polyglot"),
    "a PDF that begins as HTML": (
        lambda: files.pdf().replace(b"\n", b"\n%<html><script>alert(1)</script>\n", 1),
        400,
        "document_refused",
        "polyglot",
    ),
    "a PDF with a password": (
        lambda: files.written(files.document(), encryption=pikepdf.Encryption(owner="o", user="u")),
        400,
        "document_refused",
        "encrypted",
    ),
    "a PDF that may not be printed": (
        lambda: files.written(files.document(), encryption=pikepdf.Encryption(owner="o", user="")),
        400,
        "document_refused",
        "encrypted",
    ),
    "a PDF with a script that runs when it is opened": (
        lambda: files.pdf(OpenAction=files.action("JavaScript", JS=String("app.alert(1)"))),
        400,
        "document_refused",
        "active_content",
    ),
    "a PDF with a script by name": (
        lambda: files.pdf(
            Names=Dictionary(JavaScript=Dictionary(Names=[String("x"), files.action("JavaScript", JS=String("1"))]))
        ),
        400,
        "document_refused",
        "active_content",
    ),
    "a PDF whose script hides behind a name in hexadecimal": (
        _hidden_name,
        400,
        "document_refused",
        "active_content",
    ),
    "a PDF that starts a program": (
        lambda: files.with_link(files.action("Launch", F=String("cmd.exe"))),
        400,
        "document_refused",
        "active_content",
    ),
    "a PDF that sends itself away": (
        lambda: files.with_link(files.action("SubmitForm", F=String("https://x.example"))),
        400,
        "document_refused",
        "active_content",
    ),
    "a PDF with an XFA form": (
        lambda: files.pdf(AcroForm=Dictionary(Fields=[], XFA=String("<xdp/>"))),
        400,
        "document_refused",
        "active_content",
    ),
    "a PDF with a film": (
        lambda: files.pdf(Film=Dictionary(Type=Name.Annot, Subtype=Name.RichMedia)),
        400,
        "document_refused",
        "active_content",
    ),
    "a PDF with a file inside": (files.with_attachment, 400, "document_refused", "embedded_file"),
    "a PDF that is a folder": (
        lambda: files.pdf(Collection=Dictionary(View=Name.T)),
        400,
        "document_refused",
        "embedded_file",
    ),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_file_is_refused_and_nothing_is_left(door: Door, name: str) -> None:
    make, status, code, reason = BAD[name]
    is_problem(await door.send(make()), status, code, reason)
    await door.left_nothing()


WRONG_WORDS: dict[str, tuple[Callable[[], bytes], str, str]] = {
    "a PDF called a picture": (files.pdf, "passport.jpg", "application/octet-stream"),
    "a PDF declared a picture": (files.pdf, "file", "image/png"),
    "a JPEG called a PNG": (files.jpeg, "passport.png", "image/jpeg"),
    "a JPEG declared a PNG": (files.jpeg, "passport.jpg", "image/png"),
    "a JPEG called a program": (files.jpeg, "passport.jpg.exe", "image/jpeg"),
    "a PNG declared HTML": (files.png, "passport.png", "text/html"),
}


@pytest.mark.parametrize("name", WRONG_WORDS)
async def test_a_file_that_is_not_what_its_sender_says_is_refused(door: Door, name: str) -> None:
    make, file_name, kind = WRONG_WORDS[name]
    is_problem(await door.send(make(), file_name, kind), 400, "document_refused", "type_mismatch")
    await door.left_nothing()


def _of_size(size: int) -> bytes:
    content = files.jpeg()
    return content + bytes(size - len(content))


async def test_ten_megabytes_are_taken_and_one_byte_more_is_not(door: Door) -> None:
    is_problem(await door.send(_of_size(MOST_BYTES + 1)), 413, "body_too_large")
    await door.left_nothing()
    assert (await door.send(_of_size(MOST_BYTES))).status_code == 201


async def test_a_body_without_an_announced_length_is_measured_as_it_comes(door: Door) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        while taken < 100 * MOST_BYTES:
            taken += 65_536
            yield bytes(65_536)

    headers = door.headers | {"Content-Type": "multipart/form-data; boundary=b"}
    is_problem(await door.client.post(UPLOAD, content=endless(), headers=headers), 413, "body_too_large")
    assert taken < MOST_BYTES + 300_000
    await door.left_nothing()


def _form(*parts: tuple[str, bytes], end: bytes = b"--b--\r\n") -> bytes:
    return (
        b"".join(
            b"--b\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + body + b"\r\n"
            for head, body in parts
        )
        + end
    )


TYPE = ('name="document_type"', b"passport")
FILE = ('name="file"; filename="a.jpg"', b"\xff\xd8\xff")
FORMS: dict[str, tuple[bytes, str, int, str]] = {
    "no body": (b"", "multipart/form-data; boundary=b", 422, "malformed"),
    "JSON": (b"{}", "application/json", 415, "unsupported_media_type"),
    "no boundary": (_form(TYPE, FILE), "multipart/form-data", 415, "unsupported_media_type"),
    "another boundary": (_form(TYPE, FILE), "multipart/form-data; boundary=c", 422, "malformed"),
    "a boundary too long": (_form(TYPE, FILE), "multipart/form-data; boundary=" + "c" * 300, 422, "malformed"),
    "no end": (_form(TYPE, FILE, end=b""), "multipart/form-data; boundary=b", 422, "malformed"),
    "no file": (_form(TYPE), "multipart/form-data; boundary=b", 422, "malformed"),
    "two files": (_form(TYPE, FILE, FILE), "multipart/form-data; boundary=b", 422, "malformed"),
    "a file in another field": (
        _form(TYPE, ('name="other"; filename="a"', b"x")),
        "multipart/form-data; boundary=b",
        422,
        "malformed",
    ),
    "a file without a file's name": (
        _form(TYPE, ('name="file"', b"x")),
        "multipart/form-data; boundary=b",
        422,
        "malformed",
    ),
    "a field twice": (_form(TYPE, TYPE, FILE), "multipart/form-data; boundary=b", 422, "malformed"),
    "a hundred fields": (
        _form(*((f'name="f{n}"', b"x") for n in range(100)), FILE),
        "multipart/form-data; boundary=b",
        422,
        "malformed",
    ),
    "a long field": (
        _form(('name="document_type"', b"x" * 5000), FILE),
        "multipart/form-data; boundary=b",
        422,
        "malformed",
    ),
    "a field that is not UTF-8": (
        _form(('name="document_type"', b"\xff"), FILE),
        "multipart/form-data; boundary=b",
        422,
        "malformed",
    ),
    "a field with U+0000": (
        _form(('name="country"', b"N\0"), TYPE, FILE),
        "multipart/form-data; boundary=b",
        422,
        "malformed",
    ),
    "headers without end": (
        b"--b\r\n" + b"X: " + b"y" * 100_000,
        "multipart/form-data; boundary=b",
        422,
        "malformed",
    ),
    "an unknown type": (
        _form(('name="document_type"', b"diary"), FILE),
        "multipart/form-data; boundary=b",
        422,
        "invalid_request",
    ),
    "no type": (_form(FILE), "multipart/form-data; boundary=b", 422, "invalid_request"),
    "an unknown field": (
        _form(TYPE, ('name="verified"', b"true"), FILE),
        "multipart/form-data; boundary=b",
        422,
        "invalid_request",
    ),
    "no day": (
        _form(TYPE, ('name="expires_at"', b"31.12.2030"), FILE),
        "multipart/form-data; boundary=b",
        422,
        "invalid_request",
    ),
    "no country": (
        _form(TYPE, ('name="country"', b"Nederland"), FILE),
        "multipart/form-data; boundary=b",
        422,
        "invalid_request",
    ),
    "a day that is over": (
        _form(TYPE, ('name="expires_at"', b"2020-01-01"), FILE),
        "multipart/form-data; boundary=b",
        400,
        "document_expired",
    ),
}


@pytest.mark.parametrize("name", FORMS)
async def test_a_bad_form_is_named(door: Door, name: str) -> None:
    body, kind, status, code = FORMS[name]
    answered = await door.client.post(UPLOAD, content=body, headers=door.headers | {"Content-Type": kind})
    is_problem(answered, status, code)
    if code == "invalid_request":
        assert answered.json()["errors"][0]["place"] == "body"
    await door.left_nothing()


async def test_an_upload_that_breaks_off_leaves_nothing(door: Door) -> None:
    body = _form(TYPE, ('name="file"; filename="a.jpg"', _of_size(1_000_000)))
    for sent in (100, 400_000, len(body) - 3):
        pieces: Iterator[dict[str, Any]] = iter(
            [{"type": "http.request", "body": body[:sent], "more_body": True}, {"type": "http.disconnect"}]
        )

        async def receive(pieces: Iterator[dict[str, Any]] = pieces) -> Any:
            return next(pieces)

        answered: list[Any] = []

        async def send(message: Any, answered: list[Any] = answered) -> None:
            answered.append(message)

        headers = [(b"authorization", door.headers["Authorization"].encode()), (b"host", b"aurum.test")]
        headers.append((b"content-type", b"multipart/form-data; boundary=b"))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": UPLOAD,
            "raw_path": UPLOAD.encode(),
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 5),
            "server": ("aurum.test", 80),
        }
        await door.app(scope, receive, send)
        assert answered[0]["status"] == 422
        await door.left_nothing()


async def test_a_commit_that_fails_takes_the_object_back(door: Door) -> None:
    """The database refuses at the very end, when the object is long there."""
    async with transaction(door.owner) as session:
        await session.execute(
            text(
                "CREATE FUNCTION app.too_late() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'too late' USING ERRCODE = '23514'; END $$"
            )
        )
        await session.execute(
            text(
                "CREATE CONSTRAINT TRIGGER too_late AFTER INSERT ON kyc_documents DEFERRABLE INITIALLY DEFERRED"
                " FOR EACH ROW EXECUTE FUNCTION app.too_late()"
            )
        )
    try:
        is_problem(await door.send(files.jpeg()), 409, "conflict")
        await door.left_nothing()
    finally:
        async with transaction(door.owner) as session:
            await session.execute(text("DROP FUNCTION app.too_late() CASCADE"))


async def test_a_store_that_does_not_answer_is_a_503_and_leaves_no_row(door: Door) -> None:
    folder, aside = door.store / "kyc", door.store / "aside"
    folder.mkdir(exist_ok=True)
    folder.rename(aside)
    folder.write_text("a file where the folder should be")
    try:
        answered = await door.send(files.jpeg())
    finally:
        folder.unlink()
        aside.rename(folder)
    is_problem(answered, 503, "unavailable")
    assert answered.headers["Retry-After"]
    await door.left_nothing()


async def test_the_same_request_twice_is_one_document(door: Door) -> None:
    key = {"Idempotency-Key": "passport-1"}
    first, second = [await door.send(files.jpeg(), headers=key) for _ in range(2)]
    assert (first.status_code, second.status_code, first.content) == (201, 201, second.content)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert (await door.rows(), len(door.objects())) == (1, 1)
    is_problem(await door.send(files.jpeg(2), headers=key), 409, "idempotency_conflict")
    is_problem(await door.send(files.jpeg(), headers=key, country="NL"), 409, "idempotency_conflict")
    is_problem(await door.send(files.jpeg()), 409, "document_known")
    assert (await door.rows(), len(door.objects())) == (1, 1)


async def test_the_same_file_sent_many_times_at_once_is_one_document(door: Door) -> None:
    answers = await asyncio.gather(*(door.send(files.jpeg()) for _ in range(8)))
    assert sorted({answer.status_code for answer in answers}) == [201, 409, 429]
    assert [answer.status_code for answer in answers].count(201) == 1
    assert (await door.rows(), len(door.objects())) == (1, 1)


async def test_uploads_at_the_same_moment_are_bounded(door: Door, app: FastAPI) -> None:
    uploads = parts_of({"app": app}).uploads
    most = admission.WAITING_FOR_EACH * 4
    for number in range(most):
        uploads._under_way[UUID(int=number)] += 1
    try:
        answered = await door.send(files.jpeg())
        is_problem(answered, 503, "unavailable")
        assert answered.headers["Retry-After"]
    finally:
        uploads._under_way.clear()
    await door.left_nothing()
    assert (await door.send(files.jpeg())).status_code == 201


async def test_strangers_and_staff_are_refused_before_their_bytes_are_read(door: Door) -> None:
    officer = await add_officer(door.owner)
    as_officer = await signed_in(door.app, door.owner, officer)
    async with transaction(door.owner) as session:
        await session.execute(text("DELETE FROM outbox"))
    read = 0

    async def content() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"x"

    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    for headers, status, code in (
        ({}, 401, "not_authenticated"),
        ({"Authorization": "Bearer nonsense"}, 401, "bad_token"),
        (as_officer, 403, "permission_missing"),
    ):
        is_problem(await door.client.post(UPLOAD, content=content(), headers=headers | kind), status, code)
    assert read == 0
    await door.left_nothing()


async def test_the_audit_log_tells_of_every_attempt_and_not_what_was_in_it(door: Door) -> None:
    await door.send(files.jpeg(), "Clara Fontaine passport.jpg", "image/jpeg")
    await door.send(b"not a document at all")
    async with transaction(door.owner) as session:
        lines = (
            (await session.execute(text("SELECT * FROM audit_logs WHERE action = 'kyc.upload_document' ORDER BY id")))
            .mappings()
            .all()
        )
    assert [(line["outcome"], line["code"]) for line in lines] == [
        ("done", None),
        ("refused", "unsupported_media_type"),
    ]
    assert lines[0]["resource_id"] == str((await door.only()).id)
    assert lines[0]["new_values"]["document_type"] == "passport"
    assert "Fontaine" not in str(lines)


async def test_a_document_is_taken_back_once_and_its_content_with_it(door: Door) -> None:
    sent = (await door.send(files.jpeg())).json()
    address = f"/api/v1/kyc/documents/{sent['id']}"
    stranger = await signed_in(door.app, door.owner, await add_customer(door.owner))
    is_problem(await door.client.delete(address, headers=stranger), 404, "not_found")
    answered = await door.client.delete(address, headers=door.headers)
    assert (answered.status_code, answered.json()["status"]) == (200, "withdrawn")
    assert (await door.only()).key_sealed is None
    is_problem(await door.client.delete(address, headers=door.headers), 409, "wrong_state")
    assert (await door.send(files.jpeg())).status_code == 201


async def test_the_desk_reads_what_the_scanner_has_passed(door: Door) -> None:
    await door.send(files.jpeg())
    document = await door.only()
    assert document.scan_status == ScanStatus.PENDING
    async with transaction(door.owner) as session:
        waiting = (await session.execute(text("SELECT workflow, workflow_id FROM outbox"))).one()
    assert tuple(waiting) == ("document-scan", f"document-scan/{document.id}")
