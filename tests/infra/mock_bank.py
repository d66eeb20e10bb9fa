"""A running mock-bank between two folders: a counterparty that we did not write."""

import asyncio
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from infra.providers.bank import FolderChannel, read_answers
from models.bank import AnswerKind, BankAnswer, ParsedMessage
from tests.factories.bank import OUR_NOSTRO

OPENS_AT = "2026-11-20T09:00"
DEADLINE_SECONDS = 20.0


@dataclass(frozen=True)
class MockBank:
    """Its address, our end of the channel to it, and what came through it so far."""

    http: httpx.Client
    channel: FolderChannel
    received: list[ParsedMessage] = field(default_factory=list)

    def open_account(self, *, iban: str = OUR_NOSTRO, currency: str = "USD", **facts: Any) -> None:
        """An account of ours, with 10 million of its currency's cents."""
        account = {"id": "AURUM", "iban": iban, "name": "Aurum Bank", "currency": currency, "balance": 10**9}
        self.http.post("/_mock/accounts", json=account | facts).raise_for_status()

    async def send(self, name: str, content: bytes) -> None:
        """Through the channel, and have the bank look into its folder."""
        await self.channel.stage(name, content)
        assert await self.channel.publish(name)
        self.http.post("/_mock/drop/scan").raise_for_status()

    def pass_days(self, days: int) -> None:
        """Move the bank's clock; what comes due is written at once."""
        self.http.post("/_mock/advance", params={"days": days}).raise_for_status()

    async def messages(self) -> list[ParsedMessage]:
        """What the bank has sent so far, in its order. New files are read and put away."""
        for name in await self.channel.waiting():
            self.received.append(read_answers(await self.channel.read(name)))
            await self.channel.archive(name)
        return self.received

    async def answer(self, kind: AnswerKind, message_type: str) -> BankAnswer:
        """The first answer of that kind in a message of that type; waits for it."""
        give_up = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < give_up:
            for message in await self.messages():
                for answer in message.answers:
                    if answer.kind is kind and message.message_type == message_type:
                        return answer
            await asyncio.sleep(0.01)
        raise AssertionError(f"the bank sent no {kind} in a {message_type}")


@contextmanager
def mock_bank(folder: Path) -> Iterator[MockBank]:
    """mock-bank as a process of its own, over `folder`/outbox and `folder`/inbox, on a port that it chooses."""
    outbox, inbox, log = folder / "outbox", folder / "inbox", folder / "mock-bank.log"
    outbox.mkdir()
    inbox.mkdir()
    command = [sys.executable, "-m", "mockbank", "--port", "0", "--clock", OPENS_AT]
    # Its own look into the folder comes every hour: the tests ask for one when there is something to see.
    command += ["--drop-dir", str(outbox), "--drop-settle-ms", "0", "--drop-interval-ms", "3600000"]
    command += ["--pickup-dir", str(inbox)]
    with log.open("wb") as errors, subprocess.Popen(command, stderr=errors) as process:
        try:
            with httpx.Client(base_url=_address(process, log), timeout=DEADLINE_SECONDS) as http:
                yield MockBank(http, FolderChannel(outbox, inbox))
        finally:
            process.terminate()
            process.wait(DEADLINE_SECONDS)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    give_up = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < give_up and process.poll() is None:
        if said := re.search(r"listening on (http://127\.0\.0\.1:[0-9]+)/", log.read_text()):
            return said.group(1)
        time.sleep(0.01)
    raise AssertionError(f"mock-bank did not start: {log.read_text()}")
