"""Contents sealed in chunks: whatever is done to one, it is refused, and what came out before was a true beginning."""

import hashlib
import os
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.crypto import FieldUnreadable, Keyring
from infra.providers.store import DocumentVault, FolderStore
from infra.providers.store.sealing import CHUNK, HEADER, new_key, opened, seal
from models.kyc.documents import ContentGone, ContentUnreadable, DocumentNotScanned, ScanStatus
from tests.factories.documents import unsaved
from tests.factories.stores import keys, whole

SEALED_CHUNK = CHUNK + 16
KEY = new_key()
# Around the edges of chunks, where a mistake would be.
LENGTHS = (0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, 3 * CHUNK + 100)
PLAIN = os.urandom(max(LENGTHS))


def sealed_of(plain: bytes, key: bytes = KEY, context: bytes = b"here") -> bytes:
    """`plain`, sealed."""
    target = BytesIO()
    seal(BytesIO(plain), target, key, context)
    return target.getvalue()


SEALED = {length: sealed_of(PLAIN[:length]) for length in LENGTHS}


async def in_pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    """`content` as a store would give it."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def attempt(content: bytes, size: int = CHUNK, context: bytes = b"here") -> tuple[bytes, bool]:
    """What comes out, and whether it was refused."""
    came = bytearray()
    try:
        async for piece in opened(in_pieces(content, size), KEY, context):
            came += piece
    except FieldUnreadable:
        return bytes(came), True
    return bytes(came), False


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("size", [1000, CHUNK, SEALED_CHUNK, 10 * CHUNK])
async def test_what_was_sealed_opens_however_it_comes(length: int, size: int) -> None:
    assert await attempt(SEALED[length], size) == (PLAIN[:length], False)


def test_a_sealed_content_has_no_more_than_a_tag_for_each_chunk() -> None:
    assert len(SEALED[3 * CHUNK + 100]) == len(HEADER) + 3 * CHUNK + 100 + 4 * 16


@settings(max_examples=60, deadline=None)
@given(length=st.sampled_from(LENGTHS), data=st.data())
async def test_a_content_that_was_cut_off_is_refused(length: int, data: st.DataObject) -> None:
    content = SEALED[length]
    edges = [len(HEADER) + n * SEALED_CHUNK for n in range(4)]
    end = data.draw(
        st.one_of(st.integers(0, len(content) - 1), st.sampled_from([e for e in edges if e < len(content)]))
    )
    came, refused = await attempt(content[:end])
    assert refused
    assert PLAIN.startswith(came)


@settings(max_examples=60, deadline=None)
@given(length=st.sampled_from(LENGTHS), more=st.binary(min_size=1, max_size=200))
async def test_a_content_that_goes_on_is_refused(length: int, more: bytes) -> None:
    for longer in (SEALED[length] + more, SEALED[length] + SEALED[length][len(HEADER) :]):
        came, refused = await attempt(longer)
        # Nothing follows an empty content's header but what was sealed; the same chunk twice is as long as it was.
        assert refused
        assert PLAIN.startswith(came)


@settings(max_examples=60, deadline=None)
@given(order=st.permutations(range(4)).filter(lambda order: list(order) != [0, 1, 2, 3]))
async def test_chunks_in_another_order_are_refused(order: list[int]) -> None:
    content = SEALED[3 * CHUNK + 100]
    body = content[len(HEADER) :]
    chunks = [body[n * SEALED_CHUNK : (n + 1) * SEALED_CHUNK] for n in range(4)]
    came, refused = await attempt(HEADER + b"".join(chunks[n] for n in order))
    assert refused
    assert PLAIN.startswith(came)


@settings(max_examples=30, deadline=None)
@given(which=st.integers(0, 3), key=st.sampled_from([KEY, new_key()]))
async def test_a_chunk_of_another_content_is_refused(which: int, key: bytes) -> None:
    content = bytearray(SEALED[3 * CHUNK + 100])
    other = sealed_of(os.urandom(3 * CHUNK + 100), key, b"there")
    start = len(HEADER) + which * SEALED_CHUNK
    content[start : start + SEALED_CHUNK] = other[start : start + SEALED_CHUNK]
    came, refused = await attempt(bytes(content))
    assert refused
    assert PLAIN.startswith(came)


@settings(max_examples=100, deadline=None)
@given(length=st.sampled_from(LENGTHS), data=st.data())
async def test_a_content_in_which_a_bit_was_turned_is_refused(length: int, data: st.DataObject) -> None:
    content = bytearray(SEALED[length])
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    came, refused = await attempt(bytes(content))
    assert refused
    assert PLAIN.startswith(came)


async def test_a_content_opens_in_its_place_alone() -> None:
    assert (await attempt(SEALED[1], context=b"elsewhere"))[1]


@pytest.fixture
def vault(tmp_path: Path) -> DocumentVault:
    return DocumentVault(FolderStore(tmp_path), Keyring({"k": os.urandom(32)}, "k"))


async def test_the_vault_gives_back_what_it_was_given_and_the_store_cannot_read_it(vault: DocumentVault) -> None:
    plain = PLAIN[: CHUNK + 500]
    document = unsaved(UUID(int=1), file_hash=hashlib.sha256(plain).hexdigest(), scan_status=ScanStatus.CLEAN)
    document.key_sealed = await vault.keep(document.id, document.file_path, BytesIO(plain))
    assert await whole(vault.content(document)) == plain
    assert plain[:100] not in await whole(vault.store.read(document.file_path))
    await vault.forget(document.file_path)
    assert await keys(vault.store) == []


@pytest.mark.parametrize("what", ["missing", "damaged", "another's object", "another's row", "another content"])
async def test_a_content_that_is_not_the_uploaded_one_is_not_served(vault: DocumentVault, what: str) -> None:
    document = unsaved(UUID(int=1), file_hash=hashlib.sha256(b"plain").hexdigest(), scan_status=ScanStatus.CLEAN)
    document.key_sealed = await vault.keep(document.id, document.file_path, BytesIO(b"plain"))
    match what:
        case "missing":
            await vault.forget(document.file_path)
        case "damaged":
            content = await whole(vault.store.read(document.file_path))
            await vault.forget(document.file_path)
            await vault.store.put(document.file_path, BytesIO(content[:-1] + bytes((content[-1] ^ 1,))))
        case "another's object":
            document.file_path = vault.new_path()
            await vault.keep(UUID(int=9), document.file_path, BytesIO(b"plain"))
        case "another's row":
            document.id = UUID(int=9)
        case "another content":
            document.file_hash = "0" * 64
    with pytest.raises(ContentUnreadable):
        await whole(vault.content(document))


async def test_the_vault_opens_nothing_that_was_destroyed_or_not_scanned(vault: DocumentVault) -> None:
    document = unsaved(UUID(int=1), file_hash=hashlib.sha256(b"plain").hexdigest())
    document.key_sealed = await vault.keep(document.id, document.file_path, BytesIO(b"plain"))
    with pytest.raises(DocumentNotScanned):
        await whole(vault.content(document))
    assert await whole(vault.content(document, unscanned=True)) == b"plain"
    document.key_sealed = None
    with pytest.raises(ContentGone):
        await whole(vault.content(document, unscanned=True))
