"""The object store, the same for a folder and for S3 over HTTP: whole or not at all, never changed, in small pieces."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import boto3
import httpx
import pytest

from infra.providers.store import FolderStore, ObjectMissing, ObjectStore, S3Store
from infra.providers.store.objects import CHUNK, ObjectExists
from models.errors import Unavailable
from tests.factories.stores import BUCKET, REGION, keys, s3_server, stored, whole

BIG = os.urandom(3 * CHUNK + 17)


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def s3(s3_address: str) -> S3Store:
    return S3Store(BUCKET, region=REGION, endpoint_url=s3_address)


@pytest.fixture(params=["folder", "s3"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[ObjectStore]:
    made: ObjectStore = FolderStore(tmp_path / "store") if request.param == "folder" else request.getfixturevalue("s3")
    yield made
    for key in await keys(made):
        await made.remove(key)


@pytest.mark.parametrize("content", [b"", b"x", BIG], ids=["empty", "one byte", "more than three pieces"])
async def test_what_was_put_is_read_in_small_pieces(store: ObjectStore, content: bytes) -> None:
    await stored(store, "kyc/one", content)
    pieces = [piece async for piece in store.read("kyc/one")]
    assert b"".join(pieces) == content
    assert max(map(len, pieces), default=0) <= CHUNK


async def test_only_what_is_left_of_a_file_is_put(store: ObjectStore) -> None:
    file = BytesIO(b"before after")
    file.seek(7)
    await store.put("kyc/rest", file)
    assert await whole(store.read("kyc/rest")) == b"after"


async def test_an_object_is_listed_with_its_size_and_age_until_it_is_removed(store: ObjectStore) -> None:
    await stored(store, "kyc/listed", b"12345")
    await stored(store, "other/listed", b"1")
    [found] = [one async for one in store.listed("kyc")]
    assert (found.key, found.size) == ("kyc/listed", 5)
    assert abs(datetime.now(UTC) - found.modified_at) < timedelta(minutes=1)
    for _ in range(2):
        await store.remove("kyc/listed")
    assert await keys(store) == []
    await store.remove("other/listed")


async def test_an_object_that_is_not_there_is_named_so(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing):
        await whole(store.read("kyc/nothing"))


async def test_an_object_never_changes(store: ObjectStore) -> None:
    await stored(store, "kyc/once", b"first")
    with pytest.raises(ObjectExists):
        await stored(store, "kyc/once", b"second")
    assert await whole(store.read("kyc/once")) == b"first"
    assert await keys(store) == ["kyc/once"]


async def test_of_ten_who_write_one_key_one_does(store: ObjectStore) -> None:
    async def write(name: int) -> int | None:
        try:
            await stored(store, "kyc/raced", str(name).encode())
        except ObjectExists:
            return None
        return name

    [winner] = [name for name in await asyncio.gather(*map(write, range(10))) if name is not None]
    assert await whole(store.read("kyc/raced")) == str(winner).encode()


@pytest.mark.parametrize(
    "key", ["", "../secret", "/etc/passwd", "kyc//x", "kyc/../x", "kyc/X", "kyc/a.part/b", "kyc/."]
)
async def test_a_key_leaves_the_store_never(store: ObjectStore, key: str) -> None:
    with pytest.raises(ValueError, match="a key is made of words"):
        await stored(store, key, b"x")
    with pytest.raises(ValueError, match="a key is made of words"):
        await whole(store.read(key))


class Torn(BytesIO):
    """A file that cannot be read to its end."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Gives once."""
        if self.tell():
            raise OSError(5, "Input/output error")
        return super().read(size)


async def test_a_put_that_fails_in_the_middle_leaves_nothing(store: ObjectStore) -> None:
    torn: BinaryIO = Torn(BIG)
    with pytest.raises(Unavailable):
        await store.put("kyc/torn", torn)
    assert await keys(store) == []


async def test_a_part_that_a_killed_process_left_is_listed_and_can_be_removed(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    (tmp_path / "kyc").mkdir()
    (tmp_path / "kyc" / "unfinished-ab12_x.part").write_bytes(b"half")
    assert await keys(store) == ["kyc/unfinished-ab12_x.part"]
    await store.remove("kyc/unfinished-ab12_x.part")
    assert await keys(store) == []


async def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    await stored(FolderStore(tmp_path / "store"), "kyc/private", b"x")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "store").rglob("*")}
    assert modes == {"kyc": 0o700, "private": 0o600}


async def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(Unavailable):
        await stored(FolderStore(tmp_path / "store"), "kyc/one", b"x")


async def test_s3_encrypts_as_it_is_told(s3: S3Store, s3_address: str) -> None:
    await stored(s3, "kyc/own", b"x")
    await stored(S3Store(BUCKET, region=REGION, endpoint_url=s3_address, kms_key="a-key"), "kyc/kms", b"x")

    def heads() -> list[Any]:
        client = boto3.session.Session().client("s3", region_name=REGION, endpoint_url=s3_address)
        return [client.head_object(Bucket=BUCKET, Key=key) for key in ("kyc/own", "kyc/kms")]

    own, kms = await asyncio.to_thread(heads)
    assert own["ServerSideEncryption"] == "AES256"
    assert (kms["ServerSideEncryption"], kms["SSEKMSKeyId"]) == ("aws:kms", "a-key")
    for key in await keys(s3):
        await s3.remove(key)


async def test_an_address_to_download_from_is_signed_and_short_lived(s3: S3Store) -> None:
    await stored(s3, "kyc/lent", b"sealed")
    address = await s3.download_address("kyc/lent", 60)
    async with httpx.AsyncClient() as http:
        assert (await http.get(address)).content == b"sealed"
    asked = httpx.URL(address).params
    assert asked["X-Amz-Expires"] == "60"
    assert asked["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"
    await s3.remove("kyc/lent")


async def test_a_long_listing_comes_in_pages(s3: S3Store, s3_address: str) -> None:
    wanted = [f"kyc/{number}" for number in range(7)]
    for key in wanted:
        await stored(s3, key, b"")
    assert await keys(S3Store(BUCKET, region=REGION, endpoint_url=s3_address, page=3)) == wanted
    for key in wanted:
        await s3.remove(key)


async def test_a_bucket_and_a_server_that_are_not_there_are_unavailable(s3_address: str) -> None:
    for store in (
        S3Store("no-such-bucket", region=REGION, endpoint_url=s3_address),
        S3Store(BUCKET, region=REGION, endpoint_url="http://127.0.0.1:9"),
    ):
        with pytest.raises(Unavailable):
            await stored(store, "kyc/one", b"x")
