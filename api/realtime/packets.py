"""Packets of Socket.IO: what is read of them, and how they are written once for many sockets.

Frames are looked at before the library sees them: none that is binary, longer than any of ours, or cannot be read.
Protocol: Socket.IO 5 over Engine.IO 4.
"""

from typing import Any, Final

import socketio
from engineio.packet import MESSAGE
from engineio.packet import Packet as Frame
from socketio.packet import CONNECT, DISCONNECT, EVENT

from api.answers import read_json, written_json
from models.errors import Malformed

# A token and a list of symbols fit many times.
LONGEST_FRAME: Final = 16 * 1024
# Close, pong, and the two of an upgrade.
_PLAIN: Final = frozenset({"1", "3", "2probe", "3probe", "5"})
_LONGEST_EVENT: Final = 64
SEPARATOR: Final = "\x1e"


class _Json:
    """JSON as everywhere in the API: without floats in, with exact decimals out."""

    @staticmethod
    def loads(text: str) -> Any:
        return read_json(text.encode())

    @staticmethod
    def dumps(value: Any, **_layout: Any) -> str:
        return written_json(value).decode()


class Packet(socketio.packet.Packet):  # type: ignore[misc] # the library has no types
    """A packet with our JSON and without attachments."""

    json = _Json
    uses_binary_events = False


def check_frame(frame: str) -> None:
    """Raises `Malformed` for a frame that no client of ours sends."""
    if len(frame) > LONGEST_FRAME:
        raise Malformed(f"A message has at most {LONGEST_FRAME} characters")
    if frame in _PLAIN:
        return
    if frame[:1] != str(MESSAGE) or len(frame) < 2:
        raise Malformed("This is no message of Socket.IO")
    try:
        packet = Packet(encoded_packet=frame[1:])
    except ValueError:
        raise Malformed("This is no message of Socket.IO") from None
    if packet.packet_type == EVENT:
        name = packet.data[0] if isinstance(packet.data, list) and packet.data else None
        if not isinstance(name, str) or len(name) > _LONGEST_EVENT:
            raise Malformed("An event has a name")
    elif packet.packet_type not in {CONNECT, DISCONNECT}:
        raise Malformed("Only events are taken")


def event_frame(name: str, payload: bytes) -> Frame:
    """The event `name` with what `payload` says in JSON, to be sent to any number of sockets."""
    return Frame(MESSAGE, f'{EVENT}["{name}",{payload.decode()}]')


def packed(name: str, value: Any) -> Frame:
    """The event `name` with `value`."""
    return event_frame(name, written_json(value))
