"""S3, or any store that speaks its protocol, by boto3, which is synchronous and runs in threads.

Credentials come the way that every AWS program takes them (environment, profile, role of the machine), and are no
settings of ours. Objects are written with server-side encryption beside our own, and only where nothing is yet.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO, Final, ParamSpec, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from urllib3.exceptions import HTTPError

from infra.providers.store.objects import CHUNK, ObjectExists, ObjectMissing, StoredObject, checked_key
from models.errors import Unavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

CONNECT_SECONDS: Final = 5
READ_SECONDS: Final = 30
# The first try is one of them.
TRIES: Final = 3
# Objects of one answer to a listing; S3 gives no more.
LONGEST_PAGE: Final = 1000
_MISSING: Final = frozenset({"NoSuchKey", "404", "NotFound"})
# A concurrent writer of the same key got there first, or is about to.
_THERE: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
P = ParamSpec("P")
T = TypeVar("T")


class S3Store:
    """One bucket. `kms_key`: the key of AWS KMS that the store encrypts with; without one it takes its own (SSE-S3)."""

    def __init__(
        self,
        bucket: str,
        *,
        region: str,
        endpoint_url: str | None = None,
        kms_key: str | None = None,
        page: int = LONGEST_PAGE,
    ) -> None:
        self._page = page
        self._bucket = bucket
        self._region = region
        self._endpoint_url = endpoint_url
        self._encryption: Any = (
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
            if kms_key
            else {"ServerSideEncryption": "AES256"}
        )
        self._making = Lock()

    @cached_property
    def _made(self) -> "S3Client":
        config = Config(
            signature_version="s3v4",
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": TRIES},
        )
        # A session of its own: the module's default one is not made for threads.
        session = boto3.session.Session()
        return session.client("s3", region_name=self._region, endpoint_url=self._endpoint_url, config=config)

    @property
    def _client(self) -> "S3Client":
        with self._making:
            return self._made

    async def put(self, key: str, content: BinaryIO) -> None:
        """Writes an object; see `ObjectStore.put`."""

        def write() -> None:
            self._client.put_object(
                Bucket=self._bucket, Key=checked_key(key), Body=content, IfNoneMatch="*", **self._encryption
            )

        await _in_thread(write)

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """The bytes of an object; see `ObjectStore.read`."""
        answer = await _in_thread(lambda: self._client.get_object(Bucket=self._bucket, Key=checked_key(key)))
        body = answer["Body"]
        try:
            while piece := await _in_thread(body.read, CHUNK):
                yield piece
        finally:
            body.close()

    async def remove(self, key: str) -> None:
        """Takes an object out; see `ObjectStore.remove`."""
        await _in_thread(lambda: self._client.delete_object(Bucket=self._bucket, Key=checked_key(key)))

    async def listed(self, prefix: str) -> AsyncIterator[StoredObject]:
        """Every object below `prefix`; see `ObjectStore.listed`."""
        token: Any = {}
        while True:
            more = token
            page = await _in_thread(
                lambda more=more: self._client.list_objects_v2(  # type: ignore[misc] # mypy infers no type of a lambda with a default
                    Bucket=self._bucket, Prefix=f"{checked_key(prefix)}/", MaxKeys=self._page, **more
                )
            )
            for one in page.get("Contents", ()):
                yield StoredObject(key=one["Key"], size=one["Size"], modified_at=one["LastModified"])
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    async def download_address(self, key: str, seconds: int) -> str:
        """An address under which anybody may fetch the object, sealed as it is, for so many seconds.

        For handing an object to another store or to whoever keeps backups; people are served by the API, which
        unseals and writes down who read.
        """
        return await _in_thread(
            lambda: self._client.generate_presigned_url(
                "get_object", Params={"Bucket": self._bucket, "Key": checked_key(key)}, ExpiresIn=seconds
            )
        )


async def _in_thread(act: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    try:
        return await asyncio.to_thread(act, *args, **named)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _MISSING:
            raise ObjectMissing from None
        if code in _THERE:
            raise ObjectExists from None
        # Its message can name the bucket and our key id: the code is enough.
        raise Unavailable(f"The object store refuses: {code}") from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise Unavailable(f"The object store does not answer: {type(error).__name__}") from error
