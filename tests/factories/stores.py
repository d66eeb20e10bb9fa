"""Object stores for tests: the folder, and S3 over HTTP against moto's server."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Final

import boto3
from moto.server import ThreadedMotoServer

from infra.providers.store import ObjectStore

BUCKET = "aurum-documents"
REGION: Final = "eu-central-1"
# What any program that speaks to AWS needs to have; moto takes any.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}


@contextmanager
def s3_server() -> Iterator[str]:
    """A server that speaks S3's protocol, with an empty bucket. Its address."""
    before = {name: os.environ.get(name) for name in CREDENTIALS}
    os.environ.update(CREDENTIALS)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    try:
        boto3.session.Session().client("s3", region_name=REGION, endpoint_url=address).create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        yield address
    finally:
        server.stop()
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    """All of what comes in pieces."""
    return b"".join([piece async for piece in pieces])


async def stored(store: ObjectStore, key: str, content: bytes) -> None:
    """Puts bytes into a store."""
    await store.put(key, BytesIO(content))


async def keys(store: ObjectStore) -> list[str]:
    """What a store has below `kyc/`."""
    return [one.key async for one in store.listed("kyc")]
