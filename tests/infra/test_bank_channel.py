"""The folders to and from the bank: one file whatever crashes when, and nothing lost or overwritten."""

import asyncio
import errno
import os
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from infra.providers.bank import BankChannel, FolderChannel, UnreadableMessage
from infra.providers.bank import channel as channel_module
from infra.providers.bank.received import MAX_BYTES
from models.errors import Conflict, Malformed

NAME = "pain.001-AURUM-20261120-000001.xml"
CONTENT = b"<Document/>"
CHANGES_THE_DISK = frozenset({"open", "rename", "link", "unlink", "fsync"})


@pytest.fixture
def channel(tmp_path: Path) -> FolderChannel:
    made = FolderChannel(tmp_path / "outbox", tmp_path / "inbox")
    made.outbox.mkdir()
    made.inbox.mkdir()
    return made


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


class Crash(Exception):
    """The process is gone at this point."""


@dataclass
class Crashing:
    """`os`, until the process dies before or after one of its calls that touch the disk."""

    at: int
    after: bool
    calls: int = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        return self._counted(real) if name in CHANGES_THE_DISK else real

    def _counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            if self.calls == self.at and not self.after:
                raise Crash
            # A dead process needs no disk to be waited for, and leaves no descriptor open.
            result: Any = None if real is os.fsync else real(*args, **kwargs)
            if self.calls == self.at:
                if real is os.open:
                    os.close(result)
                raise Crash
            return result

        return call


@dataclass
class Release:
    """The caller of the channel: its row, and a bank that takes away what it finds."""

    channel: FolderChannel
    state: str = "prepared"
    taken: list[tuple[str, bytes]] = field(default_factory=list)

    async def carry_on(self) -> None:
        if self.state == "prepared":
            await self.channel.stage(NAME, CONTENT)
            self.state = "staged"
        if self.state == "staged":
            await self.channel.publish(NAME)
            self.state = "sent"

    def bank_looks(self) -> None:
        for path in self.channel.outbox.iterdir():
            self.taken.append((path.name, path.read_bytes()))
            path.unlink()


async def crashes(monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool, doing: Callable[[], Any]) -> bool:
    """Do it, and die at the given call. False: it was done before that call came."""
    with monkeypatch.context() as patched:
        patched.setattr(channel_module, "os", Crashing(at, after))
        try:
            await doing()
        except Crash:
            return True
        return False


class TestExactlyOnce:
    @pytest.mark.parametrize("bank_is_quick", [True, False])
    async def test_a_crash_at_any_point_and_another_one_while_recovering(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bank_is_quick: bool
    ) -> None:
        points = [(at, after) for at in range(1, 30) for after in (False, True)]
        crashed = 0
        for round_number, (first, second) in enumerate((one, two) for one in points[:30] for two in points[:30]):
            folder = tmp_path / str(round_number)
            (folder / "outbox").mkdir(parents=True)
            release = Release(FolderChannel(folder / "outbox", folder / "inbox"))

            for at, after in (first, second):
                crashed += await crashes(monkeypatch, at, after=after, doing=release.carry_on)
                if bank_is_quick:
                    release.bank_looks()
            await release.carry_on()
            release.bank_looks()

            assert release.state == "sent"
            assert release.taken == [(NAME, CONTENT)], f"{first} then {second}"
        assert crashed > 500

    async def test_the_points_are_all_there_are(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        release = Release(FolderChannel(tmp_path / "outbox", tmp_path / "inbox"))

        assert not await crashes(monkeypatch, 16, after=False, doing=release.carry_on)

    async def test_a_crash_between_the_steps_and_the_row(self, channel: FolderChannel) -> None:
        await channel.stage(NAME, CONTENT)
        await channel.stage(NAME, CONTENT)
        assert await channel.is_staged(NAME)
        assert names(channel.outbox) == []

        assert await channel.publish(NAME) is True
        assert await channel.publish(NAME) is False

        assert not await channel.is_staged(NAME)
        assert names(channel.outbox) == [NAME]
        assert names(channel.staging) == []

    async def test_what_the_bank_took_away_does_not_come_again(self, channel: FolderChannel) -> None:
        await channel.stage(NAME, CONTENT)
        await channel.publish(NAME)
        (channel.outbox / NAME).unlink()

        assert await channel.publish(NAME) is False
        assert names(channel.outbox) == []

    async def test_of_many_publishers_one_publishes(self, channel: FolderChannel) -> None:
        for number in range(200):
            name = f"{number}.xml"
            await channel.stage(name, CONTENT)

            published = await asyncio.gather(*(channel.publish(name) for _ in range(4)))

            assert sorted(published) == [False, False, False, True]
        assert len(names(channel.outbox)) == 200

    async def test_many_stagers_of_one_file(self, channel: FolderChannel) -> None:
        await asyncio.gather(*(channel.stage(NAME, CONTENT) for _ in range(8)))

        assert names(channel.staging) == [NAME]
        assert (channel.staging / NAME).read_bytes() == CONTENT

    async def test_a_half_written_file_is_never_staged(
        self, channel: FolderChannel, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for at in count(1):
            if not await crashes(monkeypatch, at, after=False, doing=lambda: channel.stage(NAME, CONTENT)):
                break
            if await channel.is_staged(NAME):
                assert (channel.staging / NAME).read_bytes() == CONTENT
        assert await channel.is_staged(NAME)


class TestOutgoing:
    async def test_other_content_under_the_same_name(self, channel: FolderChannel) -> None:
        await channel.stage(NAME, CONTENT)

        with pytest.raises(Conflict):
            await channel.stage(NAME, b"other")

        assert (channel.staging / NAME).read_bytes() == CONTENT

    async def test_a_file_in_the_outbox_is_not_overwritten(self, channel: FolderChannel) -> None:
        (channel.outbox / NAME).write_bytes(b"somebody else's")
        await channel.stage(NAME, CONTENT)

        with pytest.raises(Conflict):
            await channel.publish(NAME)

        assert (channel.outbox / NAME).read_bytes() == b"somebody else's"
        assert await channel.is_staged(NAME)

    async def test_publishing_what_was_never_staged(self, channel: FolderChannel) -> None:
        assert await channel.publish(NAME) is False
        assert names(channel.outbox) == []

    async def test_the_folders_are_made(self, tmp_path: Path) -> None:
        channel = FolderChannel(tmp_path / "a" / "outbox", tmp_path / "b" / "inbox")

        await channel.stage(NAME, CONTENT)

        assert await channel.publish(NAME) is True
        assert await channel.waiting() == []

    @pytest.mark.parametrize(
        "name",
        [
            "",
            ".",
            "..",
            "../x",
            "/etc/passwd",
            "a/b",
            "a\\b",
            ".hidden",
            "x.tmp",
            "x.part",
            "a\0b",
            "a b",
            "ü",
            "x" * 129,
        ],
    )
    async def test_names_that_are_none(self, channel: FolderChannel, name: str) -> None:
        for attempt in (channel.stage(name, CONTENT), channel.is_staged(name), channel.publish(name)):
            with pytest.raises(Malformed):
                await attempt

    async def test_links_are_not_followed(self, channel: FolderChannel, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.write_bytes(CONTENT)
        channel.staging.mkdir()
        (channel.staging / NAME).symlink_to(secret)

        for attempt in (channel.stage(NAME, CONTENT), channel.is_staged(NAME), channel.publish(NAME)):
            with pytest.raises(Malformed):
                await attempt

        assert names(channel.outbox) == []

    async def test_a_link_in_the_outbox_is_not_written_through(self, channel: FolderChannel, tmp_path: Path) -> None:
        (channel.outbox / NAME).symlink_to(tmp_path / "elsewhere")
        await channel.stage(NAME, CONTENT)

        with pytest.raises(Malformed):
            await channel.publish(NAME)

        assert not (tmp_path / "elsewhere").exists()


class TestIncoming:
    async def test_complete_files_oldest_first(self, channel: FolderChannel) -> None:
        for age, name in enumerate(["new.xml", "b-11.xml", "b-9.xml", "old.xml"]):
            (channel.inbox / name).write_bytes(b"x")
            moment = 1_000_000_000 - (0 if name.startswith("b-") else age - 1) * 60
            os.utime(channel.inbox / name, (moment, moment))
        for name in [".hidden", "x.tmp", "x.part", "x.filepart"]:
            (channel.inbox / name).write_bytes(b"x")
        (channel.inbox / "folder").mkdir()
        (channel.inbox / "link.xml").symlink_to(channel.inbox / "old.xml")

        assert await channel.waiting() == ["old.xml", "b-9.xml", "b-11.xml", "new.xml"]

    async def test_reading_and_putting_away(self, channel: FolderChannel) -> None:
        (channel.inbox / "good 1.xml").write_bytes(b"good")
        (channel.inbox / "bad.xml").write_bytes(b"bad")

        assert await channel.read("good 1.xml") == b"good"
        assert await channel.archive("good 1.xml") == "good 1.xml"
        assert await channel.quarantine("bad.xml") == "bad.xml"

        assert await channel.waiting() == []
        assert (channel.archived / "good 1.xml").read_bytes() == b"good"
        assert (channel.quarantined / "bad.xml").read_bytes() == b"bad"

    async def test_putting_away_again_is_done_already(self, channel: FolderChannel) -> None:
        (channel.inbox / NAME).write_bytes(b"x")
        await channel.archive(NAME)

        assert await channel.archive(NAME) == NAME
        assert names(channel.archived) == [NAME]

    async def test_putting_away_what_never_came(self, channel: FolderChannel) -> None:
        with pytest.raises(FileNotFoundError):
            await channel.archive(NAME)

    async def test_a_name_that_comes_again_overwrites_nothing(self, channel: FolderChannel) -> None:
        kept = []
        for content in (b"first", b"second", b"first"):
            (channel.inbox / "a.tar.gz").write_bytes(content)
            kept.append(await channel.archive("a.tar.gz"))

        assert kept == ["a.tar.gz", "a.tar-1.gz", "a.tar-2.gz"]
        assert [(channel.archived / name).read_bytes() for name in kept] == [b"first", b"second", b"first"]

    @pytest.mark.parametrize("after", [False, True])
    async def test_a_crash_while_putting_away_loses_nothing(
        self, channel: FolderChannel, monkeypatch: pytest.MonkeyPatch, after: bool
    ) -> None:
        (channel.archived).mkdir()
        (channel.archived / NAME).write_bytes(b"of last year")
        for at in count(1):
            (channel.inbox / NAME).write_bytes(b"number %d" % at)

            crashed = await crashes(monkeypatch, at, after=after, doing=lambda: channel.archive(NAME))

            await channel.archive(NAME)
            stored = [path.read_bytes() for path in channel.archived.iterdir()]
            assert sorted(stored) == sorted([b"of last year"] + [b"number %d" % n for n in range(1, at + 1)])
            assert names(channel.inbox) == []
            if not crashed:
                break
        assert at > 4

    async def test_two_who_put_the_same_file_away(self, channel: FolderChannel) -> None:
        for number in range(100):
            (channel.inbox / f"{number}.xml").write_bytes(b"x")
            await asyncio.gather(*(channel.archive(f"{number}.xml") for _ in range(3)))

        assert len(names(channel.archived)) == 100
        assert names(channel.inbox) == []

    async def test_an_enormous_file_is_not_read(self, channel: FolderChannel) -> None:
        with (channel.inbox / NAME).open("wb") as file:
            file.truncate(MAX_BYTES * 10)

        tracemalloc.start()
        try:
            with pytest.raises(UnreadableMessage, match=f"{MAX_BYTES * 10} bytes; at most"):
                await channel.read(NAME)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < MAX_BYTES / 10
        assert await channel.quarantine(NAME) == NAME

    async def test_what_is_no_file_is_not_read(self, channel: FolderChannel, tmp_path: Path) -> None:
        (tmp_path / "secret").write_bytes(b"secret")
        (channel.inbox / "link").symlink_to(tmp_path / "secret")
        os.mkfifo(channel.inbox / "pipe")

        for name in ("link", "pipe"):
            with pytest.raises(UnreadableMessage):
                await channel.read(name)
        with pytest.raises(FileNotFoundError):
            await channel.read("nothing")
        with pytest.raises(Malformed):
            await channel.archive("link")

    @pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a\0b"])
    async def test_paths_are_no_names(self, channel: FolderChannel, name: str) -> None:
        for attempt in (channel.read(name), channel.archive(name), channel.quarantine(name)):
            with pytest.raises(Malformed):
                await attempt

    async def test_a_name_that_is_no_text_becomes_one_and_the_file_is_read(self, channel: FolderChannel) -> None:
        (channel.inbox / os.fsdecode(b"caf\xe9.xml")).write_bytes(b"x")
        (channel.inbox / "caf%E9.xml").write_bytes(b"another")

        waiting = await channel.waiting()

        assert sorted(waiting) == ["caf%E9-1.xml", "caf%E9.xml"]
        assert [await channel.read(name) for name in sorted(waiting)] == [b"x", b"another"]

    async def test_what_is_no_file_is_named_for_people(self, channel: FolderChannel) -> None:
        (channel.inbox / "folder").mkdir()
        (channel.inbox / "link.xml").symlink_to("/etc/hostname")
        os.mkfifo(channel.inbox / "pipe.xml")
        (channel.inbox / ".hidden").mkdir()

        assert await channel.obstacles() == [
            ("folder", "a folder"),
            ("link.xml", "a link"),
            ("pipe.xml", "a device or a pipe"),
        ]
        assert await channel.waiting() == []

    async def test_a_name_as_long_as_names_can_be(self, channel: FolderChannel) -> None:
        name = "é" * 125 + ".xml"
        for content in (b"1", b"2"):
            (channel.inbox / name).write_bytes(content)
            await channel.archive(name)

        assert sorted(path.read_bytes() for path in channel.archived.iterdir()) == [b"1", b"2"]


class FullDisk:
    """`os` on a disk that takes no content."""

    def __getattr__(self, name: str) -> Any:
        return self._refused if name == "fsync" else getattr(os, name)

    def _refused(self, _: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_full_disk_is_left_as_it_was_and_the_file_goes_when_there_is_room(
    channel: FolderChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.staging.mkdir()
    monkeypatch.setattr(channel_module, "os", FullDisk())
    for _ in range(3):
        with pytest.raises(OSError, match="No space left"):
            await channel.stage(NAME, CONTENT)
    assert names(channel.staging) == names(channel.outbox) == []
    monkeypatch.undo()
    await channel.stage(NAME, CONTENT)
    assert await channel.publish(NAME)
    assert (names(channel.staging), names(channel.outbox)) == ([], [NAME])


def test_a_folder_channel_is_a_bank_channel(channel: FolderChannel) -> None:
    as_protocol: BankChannel = channel

    assert as_protocol is channel
