"""Where a request comes from: the socket says it, and a header only where a proxy of ours wrote it."""

from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.origin import client_address, network_of

PROXIES = (ip_network("10.0.0.0/8"), ip_network("2001:db8:ff::/48"))


def _scope(peer: str | None, *forwarded: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", line.encode("latin-1")) for line in forwarded]
    return {"type": "http", "client": (peer, 1) if peer else None, "headers": headers}


@pytest.mark.parametrize(
    ("peer", "forwarded", "seen"),
    [
        ("203.0.113.5", [], "203.0.113.5"),
        ("203.0.113.5", ["198.51.100.1"], "203.0.113.5"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.66, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["192.0.2.66", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.9.9.9"], "10.9.9.9"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1:4711"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("2001:db8:ff::1", ["2001:db8:1::9"], "2001:db8:1::9"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        (None, ["198.51.100.1"], None),
    ],
)
def test_the_first_address_that_is_no_proxy_of_ours(peer: str | None, forwarded: list[str], seen: str | None) -> None:
    assert client_address(_scope(peer, *forwarded), PROXIES) == seen


def test_nobody_is_a_proxy_by_default() -> None:
    assert client_address(_scope("10.0.0.1", "198.51.100.1"), ()) == "10.0.0.1"


@given(st.lists(st.text(alphabet="0123456789abcdef.:, x", max_size=60), max_size=4))
def test_whatever_a_stranger_writes_it_is_their_own_address_that_counts(lines: list[str]) -> None:
    assert client_address(_scope("203.0.113.5", *lines), PROXIES) == "203.0.113.5"
    believed = client_address(_scope("10.0.0.1", *lines, "198.51.100.1"), PROXIES)
    assert believed == "198.51.100.1"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("testclient", "testclient"),
        (None, "unknown"),
    ],
)
def test_whose_an_address_is(address: str | None, network: str) -> None:
    assert network_of(address) == network
