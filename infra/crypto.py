"""Personal data at rest: AES-256-GCM with named keys, each value bound to the table, column and row it stands in.

    keyring = Keyring.of(settings)
    sealed = keyring.seal(seed, FieldContext("totp_factors", "seed_sealed", user_id))
    seed = keyring.open(sealed, FieldContext("totp_factors", "seed_sealed", user_id))

A sealed value is `version (1) | length of the key's id (1) | key's id | nonce (12) | ciphertext | tag (16)`. The
associated data is everything before the nonce, then table, column and row id, each with its length before it; so a
value that is moved to another row or column, or whose key is renamed, does not open. Nonces are random: one key is
good for 2^32 values (NIST SP 800-38D §8.3), which a rotation (`infra.field_rotation`) long precedes.
"""

import base64
import binascii
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

VERSION: Final = 1
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_KEY_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
# Of 32 random bytes about 30 are distinct; fewer than this many happen to less than one key in 10^9.
_LEAST_DISTINCT: Final = 20


class FieldUnreadable(Exception):
    """A sealed value does not open: it was changed, stands in another place than it was sealed for, or is not one of
    ours. Which of these it is cannot be told."""


class UnknownFieldKey(FieldUnreadable):
    """The value is sealed with a key that this process was not given."""


class BadFieldKey(ValueError):
    """A key, or a key's id, that cannot be used. Never says what the key is."""


@dataclass(frozen=True)
class FieldContext:
    """Where a value stands. It opens nowhere else."""

    table: str
    column: str
    row_id: UUID | str

    def encoded(self) -> bytes:
        """The place as unambiguous bytes."""
        parts = [part.encode() for part in (self.table, self.column, str(self.row_id))]
        return b"".join(struct.pack(">I", len(part)) + part for part in parts)


@dataclass(frozen=True)
class SealedField:
    """A column that holds sealed values, and the column of the row id that they are bound to."""

    table: str
    column: str
    row_id: str


# Every such column of the schema (a test compares): what a rotation goes through.
SEALED_FIELDS: Final = (
    SealedField("users", "tax_id_sealed", "id"),
    SealedField("totp_factors", "seed_sealed", "user_id"),
    SealedField("notifications", "secret_sealed", "id"),
    SealedField("kyc_documents", "key_sealed", "id"),
    SealedField("beneficiaries", "account_sealed", "id"),
    SealedField("statement_files", "key_sealed", "id"),
)


class Keyring:
    """The keys that this process knows, by id. New values are sealed with the current one."""

    def __init__(self, keys: Mapping[str, bytes], current: str) -> None:
        """Takes 32 bytes for each id. Raises `BadFieldKey`."""
        for key_id, key in keys.items():
            if not _KEY_ID.fullmatch(key_id):
                msg = "the id of a key is 1 to 32 of a-z, 0-9, '.', '_', '-'"
                raise BadFieldKey(msg)
            if len(key) != KEY_BYTES:
                msg = f"the key {key_id} has {len(key)} bytes and not {KEY_BYTES}"
                raise BadFieldKey(msg)
        if current not in keys:
            msg = f"there is no key with the current id {current!r}"
            raise BadFieldKey(msg)
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.current: Final = current

    @classmethod
    def of(cls, keys: Mapping[str, SecretStr], current: str) -> Self:
        """The keyring of two settings: keys in base64 by id, and the current id. Raises `BadFieldKey`."""
        return cls({key_id: decoded(key_id, key) for key_id, key in keys.items()}, current)

    @property
    def current_header(self) -> bytes:
        """What every value begins with that is sealed with the current key, and no other."""
        return _header(self.current)

    def seal(self, plaintext: bytes, context: FieldContext) -> bytes:
        """`plaintext`, encrypted for its place. Two calls never give the same bytes."""
        header, nonce = self.current_header, os.urandom(NONCE_BYTES)
        return header + nonce + self._ciphers[self.current].encrypt(nonce, plaintext, header + context.encoded())

    def open(self, sealed: bytes, context: FieldContext) -> bytes:
        """What was sealed for this place. Raises `FieldUnreadable`, `UnknownFieldKey`."""
        key_id = key_id_of(sealed)
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            msg = f"{context.table}.{context.column} of {context.row_id}: no key {key_id!r} here"
            raise UnknownFieldKey(msg)
        header = _header(key_id)
        nonce, ciphertext = sealed[len(header) : len(header) + NONCE_BYTES], sealed[len(header) + NONCE_BYTES :]
        try:
            return cipher.decrypt(nonce, ciphertext, header + context.encoded())
        except InvalidTag:
            msg = f"{context.table}.{context.column} of {context.row_id} does not open"
            raise FieldUnreadable(msg) from None

    def __repr__(self) -> str:
        return f"Keyring({sorted(self._ciphers)}, current={self.current!r})"


def key_id_of(sealed: bytes) -> str:
    """The id of the key that `sealed` names. Raises `FieldUnreadable` when it is no sealed value."""
    if len(sealed) < 2 or sealed[0] != VERSION:
        msg = "not a sealed value, or one of a later version"
        raise FieldUnreadable(msg)
    key_id = sealed[2 : 2 + sealed[1]].decode("ascii", "replace")
    if not _KEY_ID.fullmatch(key_id) or len(sealed) < 2 + sealed[1] + NONCE_BYTES + TAG_BYTES:
        msg = "not a sealed value: its header is damaged"
        raise FieldUnreadable(msg)
    return key_id


def decoded(key_id: str, key: SecretStr) -> bytes:
    """The bytes of a key in base64. Raises `BadFieldKey`."""
    try:
        return base64.b64decode(key.get_secret_value(), validate=True)
    except (binascii.Error, ValueError):
        msg = f"the key {key_id} is not base64"
        raise BadFieldKey(msg) from None


def weakness(key: bytes) -> str | None:
    """Why `key` is not a random key, if that can be seen; None for one that may be."""
    if all(32 <= byte < 127 for byte in key):
        return "is text"
    if len(set(key)) < _LEAST_DISTINCT:
        return "repeats itself"
    return None


def _header(key_id: str) -> bytes:
    return bytes((VERSION, len(key_id))) + key_id.encode("ascii")
