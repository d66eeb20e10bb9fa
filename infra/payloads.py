"""What Temporal keeps of our processes, sealed: AES-256-GCM with named keys, as `infra.crypto` seals personal data.

Everything that the SDK calls a payload is sealed: inputs and results of processes and steps, signals, queries (and with
them the current details), summaries, memos, heartbeats, and, as encoded attributes, messages and stack traces of
failures. In the clear stay what the server itself works with: ids, types, times and search attributes, which therefore
carry no personal data (`models.search_attributes`).

A sealed payload says in its metadata that it is one (`encoding`) and with which key (`encryption-key-id`). It is bound
to its namespace: a payload that is carried to another one does not open there. It is not bound to its process, which
the SDK tells a codec at a price (decision 0036); a payload decides nothing here, rows do.

What does not say that it is sealed is left as it is: histories from before the sealing open as they always did.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    PayloadCodec,
)

from infra.crypto import FieldContext, Keyring
from infra.settings import Settings

ENCODING: Final = b"binary/encrypted"
_ENCODING: Final = "encoding"
_KEY_ID: Final = "encryption-key-id"


class SealedPayloads(PayloadCodec):
    """Seals payloads for one namespace with the current key of `keyring`, and opens those of all its keys."""

    def __init__(self, keyring: Keyring, namespace: str, *, sealing: bool = True) -> None:
        """Without `sealing` new payloads stay open; sealed ones are opened all the same."""
        self._keyring = keyring
        self._place = FieldContext("temporal", "payload", namespace)
        self._metadata = {_ENCODING: ENCODING, _KEY_ID: keyring.current.encode()}
        self._sealing = sealing

    @classmethod
    def of(cls, settings: Settings) -> "SealedPayloads":
        """The codec that `settings` ask for."""
        keyring = Keyring.of(settings.payload_keys, settings.payload_key_id)
        return cls(keyring, settings.temporal_namespace, sealing=settings.payload_encryption)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """`payloads`, sealed."""
        return [self.sealed(payload) for payload in payloads] if self._sealing else list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """`payloads`, opened where they are sealed. Raises `FieldUnreadable`, `UnknownFieldKey`: a worker then tries
        its task again, which goes on when it is given the key."""
        return [self.opened(payload) for payload in payloads]

    def sealed(self, payload: Payload) -> Payload:
        """`payload`, sealed with the current key."""
        return Payload(
            metadata=self._metadata,
            data=self._keyring.seal(payload.SerializeToString(), self._place),
        )

    def opened(self, payload: Payload) -> Payload:
        """`payload`, opened if it is sealed. Raises `FieldUnreadable`, `UnknownFieldKey`."""
        if not is_sealed(payload):
            return payload
        return Payload.FromString(self._keyring.open(payload.data, self._place))


def data_converter(settings: Settings) -> DataConverter:
    """How this bank's processes write and read payloads: pydantic's JSON, sealed; failures sealed as well."""
    return DataConverter(
        payload_converter_class=PydanticPayloadConverter,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
        payload_codec=SealedPayloads.of(settings),
    )


def is_sealed(payload: Payload) -> bool:
    """Whether `payload` says that it is sealed."""
    return payload.metadata.get(_ENCODING) == ENCODING


def key_of(payload: Payload) -> str:
    """The id of the key that a sealed `payload` says it is sealed with."""
    return payload.metadata.get(_KEY_ID, b"?").decode("ascii", "replace")


def payloads_in(message: Message) -> Iterator[Payload]:
    """Every payload in a message of Temporal's API, such as a history; those of search attributes left out, which are
    never sealed."""
    if isinstance(message, Payload):
        yield message
    elif not isinstance(message, SearchAttributes):
        for field, value in message.ListFields():
            if field.message_type is not None:
                for part in _messages(value):
                    yield from payloads_in(part)


def _messages(value: Any) -> Iterable[Message]:
    if isinstance(value, Message):
        return (value,)
    # A map gives its keys, a list its elements; a map's values may be scalars.
    parts = value.values() if hasattr(value, "values") else value
    return (part for part in parts if isinstance(part, Message))
