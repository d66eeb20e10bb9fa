"""Asking ClamAV's daemon over a real socket: what it says is kept, and nothing else is taken for "clean"."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from infra.providers.scan import ClamAV, NoScanner, Verdict
from models.errors import Unavailable
from models.kyc.documents import ScanStatus
from tests.factories.clamd import EICAR, Clamd, clamd


@pytest.fixture
async def daemon() -> AsyncIterator[Clamd]:
    async with clamd() as running:
        yield running


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    """A content in pieces."""
    for one in contents:
        yield one


async def test_a_clean_content_arrives_whole_and_is_clean(daemon: Clamd) -> None:
    assert await ClamAV(daemon.address).scan(pieces(b"a" * 100_000, b"", b"b")) == Verdict(ScanStatus.CLEAN)
    assert daemon.seen == [b"a" * 100_000 + b"b"]


async def test_an_empty_content_is_scanned_too(daemon: Clamd) -> None:
    assert await ClamAV(daemon.address).scan(pieces()) == Verdict(ScanStatus.CLEAN)


async def test_what_was_found_is_named_also_across_pieces(daemon: Clamd) -> None:
    found = await ClamAV(daemon.address).scan(pieces(b"x" + EICAR[:20], EICAR[20:]))
    assert found == Verdict(ScanStatus.INFECTED, "Eicar-Test-Signature")


async def test_a_content_that_is_too_long_for_it_has_failed(daemon: Clamd) -> None:
    daemon.longest = 1000
    found = await ClamAV(daemon.address).scan(pieces(*[b"x" * 100_000] * 200))
    assert found == Verdict(ScanStatus.FAILED, "INSTREAM size limit exceeded")


async def test_it_answers_on_a_local_socket_too() -> None:
    # A path of a socket has at most 107 characters; a test's own folder may have more.
    with tempfile.TemporaryDirectory() as folder:
        async with clamd(Path(folder) / "clamd.ctl") as daemon:
            assert await ClamAV(daemon.address).scan(pieces(EICAR)) == Verdict(
                ScanStatus.INFECTED, "Eicar-Test-Signature"
            )


@pytest.mark.parametrize(
    "answer", [b"", b"stream: OK", b"UNKNOWN COMMAND\0", b"\0", b"stream: FINE\0", b"x" * 10_000 + b"\0"]
)
async def test_an_answer_that_is_none_is_not_taken_for_clean(daemon: Clamd, answer: bytes) -> None:
    daemon.answer = answer
    with pytest.raises(Unavailable):
        await ClamAV(daemon.address).scan(pieces(b"x"))


async def test_an_error_of_its_own_is_a_failure_with_its_reason(daemon: Clamd) -> None:
    daemon.answer = b"stream: Can't allocate memory ERROR\0"
    assert await ClamAV(daemon.address).scan(pieces(b"x")) == Verdict(ScanStatus.FAILED, "Can't allocate memory")


async def test_one_that_is_silent_or_away_is_unavailable(daemon: Clamd) -> None:
    daemon.silent = True
    for scanner in (ClamAV(daemon.address, patience=0.2), ClamAV("127.0.0.1:9"), ClamAV("/nowhere/clamd.ctl")):
        with pytest.raises(Unavailable):
            await scanner.scan(pieces(b"x"))


async def test_a_content_that_breaks_off_is_not_clean(daemon: Clamd) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half"
        raise Unavailable("the store does not answer")

    with pytest.raises(Unavailable, match="the store"):
        await ClamAV(daemon.address).scan(broken())
    assert daemon.seen == []


async def test_a_bank_without_scanner_says_so() -> None:
    assert (await NoScanner().scan(pieces(EICAR))).status is ScanStatus.NOT_CONFIGURED
