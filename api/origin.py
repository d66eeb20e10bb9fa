"""Where a request comes from: the address of the socket's peer, unless that peer is a proxy of ours.

`X-Forwarded-For` is written by whoever likes to. It is believed as far as our own proxies wrote it, and by default
nobody is one: `AURUM_TRUSTED_PROXIES` names them.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import Scope

Network = IPv4Network | IPv6Network
# Whoever has one IPv6 address has the 2^64 of its network.
IPV6_PREFIX: Final = 64
# More hops than any chain of proxies of ours.
_MOST_HOPS: Final = 20


def client_address(scope: Scope, trusted: Sequence[Network]) -> str | None:
    """The address that this request came from; None where there is none (a Unix socket).

    From the right of `X-Forwarded-For`, the first address that is not a trusted proxy's. What is no address ends the
    search at the last proxy that was trusted.
    """
    client: Any = scope.get("client")
    if not client:
        return None
    seen = str(client[0])
    if not trusted:
        return seen
    forwarded = ",".join(Headers(scope=scope).getlist("x-forwarded-for"))
    for hop in [part.strip() for part in reversed(forwarded.split(","))][:_MOST_HOPS]:
        if not _is_trusted(seen, trusted) or _address(hop) is None:
            break
        seen = str(_address(hop))
    return seen


def is_ours(scope: Scope, trusted: Sequence[Network]) -> bool:
    """Whether this request was handed on by a proxy of ours."""
    client: Any = scope.get("client")
    return bool(client) and _is_trusted(str(client[0]), trusted)


def from_this_machine(scope: Scope, trusted: Sequence[Network]) -> bool:
    """Whether this request comes from this machine itself, and nobody who may be elsewhere handed it on."""
    if not trusted and "x-forwarded-for" in Headers(scope=scope):
        return False
    found = _address(client_address(scope, trusted) or "")
    return found is not None and found.is_loopback


def network_of(address: str | None) -> str:
    """Whose `address` is, as far as it tells: an IPv4 address itself, the /64 network of an IPv6 one."""
    found = _address(address or "")
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found, IPV6_PREFIX), strict=False))
    return str(found) if found else address or "unknown"


def _is_trusted(address: str, trusted: Sequence[Network]) -> bool:
    found = _address(address)
    return found is not None and any(found in network for network in trusted)


def _address(written: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(written)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
