"""The ports of a folder: chosen free once, then kept, so that a restart is found at the same addresses."""

import errno
import json
import secrets
import socket
import time
from collections.abc import Iterable, Mapping
from typing import Final

from infra.local.folder import DataFolder, read_json, write_atomically
from infra.local.parts import Part, StackError

PORTS_OF: Final[Mapping[Part, tuple[str, ...]]] = {
    Part.DB: ("db",),
    Part.TEMPORAL: ("temporal", "temporal_ui", "temporal_http", "temporal_metrics"),
    Part.BANK: ("bank",),
    Part.API: ("api", "api_sdk_metrics"),
    Part.WORKER: ("worker_metrics", "worker_sdk_metrics"),
}
# Below the range from which the kernel takes the ports of outgoing connections, which would collide after a
# restart.
_CHOICE: Final = range(15_000, 32_000)
_CHOICES_TRIED: Final = 200
_RELEASE_SECONDS: Final = 1.0
_POLL_SECONDS: Final = 0.1


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EACCES:
                raise StackError(f"Port {port} needs more rights than this user has; choose one above 1023.") from error
            return False
    return True


def claim(folder: DataFolder, starting: Iterable[Part], *, api_port: int | None, fixed: bool) -> dict[str, int]:
    """The port of every part of the folder, those of the `starting` parts free to listen on.

    `api_port` overrides the remembered one. With `fixed`, other parts that run already know the remembered
    ports, so a taken one is not replaced. Call it while holding `folder.exclusive`. Raises `StackError` for a
    taken port.
    """
    ports = _remembered(folder)
    for name in (name for names in PORTS_OF.values() for name in names):
        if name not in ports:
            ports[name] = _choose(ports.values())
    if api_port is not None:
        ports["api"] = api_port
    for part in starting:
        for name in PORTS_OF[part]:
            if is_free(ports[name]):
                continue
            asked_for = name == "api" and api_port is not None
            if not asked_for and not fixed:
                ports[name] = _choose(ports.values())
            elif not _becomes_free(ports[name]):
                remedy = "choose another one with --port" if name == "api" else "end that program first"
                raise StackError(f"Port {ports[name]} for {part} is in use by another program; {remedy}.")
    write_atomically(folder.root / "ports.json", json.dumps(ports, indent=1))
    return ports


def _remembered(folder: DataFolder) -> dict[str, int]:
    known = {name for names in PORTS_OF.values() for name in names}
    content = read_json(folder.root / "ports.json")
    if not isinstance(content, dict):
        return {}
    return {name: port for name, port in content.items() if name in known and isinstance(port, int)}


def _choose(taken: Iterable[int]) -> int:
    reserved = set(taken)
    for _ in range(_CHOICES_TRIED):
        port = secrets.choice(_CHOICE)
        if port not in reserved and is_free(port):
            return port
    raise StackError(f"No free port found between {_CHOICE.start} and {_CHOICE.stop} on 127.0.0.1.")


def _becomes_free(port: int) -> bool:
    deadline = time.monotonic() + _RELEASE_SECONDS
    while not is_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True
