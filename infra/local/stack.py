"""The stack as an object: start parts in a folder, kill one, restart one, stop all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Self

from infra.local.application import Api, Worker
from infra.local.bank import Bank
from infra.local.folder import DataFolder
from infra.local.locks import PartLock, living
from infra.local.parts import ALL_PARTS, APPLICATION, INFRASTRUCTURE, Part, StackError, StartCancelledError
from infra.local.ports import claim
from infra.local.postgres import Postgres
from infra.local.program import Program
from infra.local.progress import Quiet, Reporter
from infra.local.running import Death, RunningPart
from infra.local.schema import prepare_database
from infra.local.site import Site
from infra.local.temporal import Temporal

# The worker first, for it drains what it has begun; the parts of one group do not need each other to stop.
_STOP_ORDER: Final = (
    frozenset({Part.WORKER}),
    frozenset({Part.API}),
    frozenset({Part.BANK, Part.TEMPORAL}),
    frozenset({Part.DB}),
)
_PROGRAMS: Final[Mapping[Part, type[Program]]] = {
    program.part: program for program in (Postgres, Temporal, Bank, Api, Worker)
}


class Stack:
    """The parts that this process supervises in one folder; other processes may supervise others there."""

    def __init__(self, data: Path | str, port: int | None = None, reporter: Reporter | None = None) -> None:
        """A stack in the folder `data`, made when absent; the API listens on `port` if one is given."""
        self.folder = DataFolder(Path(data).expanduser().resolve())
        self._api_port = port
        self._reporter = reporter or Quiet()
        self._site: Site | None = None
        self._running: dict[Part, RunningPart] = {}
        # A plain flag: an Event's lock could be held by the very thread that a signal handler interrupts.
        self._cancelled = False

    def __enter__(self) -> Self:
        """The stack itself; leaving the block stops what it started."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self.stop()

    @property
    def site(self) -> Site:
        """The addresses of this stack. Raises `StackError` before the first start."""
        if self._site is None:
            raise StackError(f"Nothing was started in {self.folder.root} yet.")
        return self._site

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that this process supervises now."""
        return tuple(part for part in ALL_PARTS if part in self._running)

    def start(
        self,
        parts: Iterable[Part | str] = ALL_PARTS,
        *,
        env: Mapping[str, str] | None = None,
        migrate: bool = True,
        claimed: Callable[[], None] | None = None,
    ) -> None:
        """Start parts and return when all of them answer; if one does not, none of them is left running.

        `env` holds settings (`AURUM_…`) that go before those of this process. When the database, the API or the worker
        is among the parts and the database runs, it is migrated and seeded first, unless `migrate` is false.
        `claimed` is called as soon as the parts are this process's to start. Raises `StackError`.
        """
        named = {Part(part) for part in parts}
        wanted = tuple(part for part in ALL_PARTS if part in named)
        self._cancelled = False
        self.folder.prepare()
        locks = self._take_locks(wanted)
        try:
            if claimed is not None:
                claimed()
            self._site = self._claim_site(wanted)
            for part in wanted:
                self._running[part] = RunningPart(_PROGRAMS[part](self._site, env), locks[part])
            self._start_in_order(wanted, migrate=migrate)
        except BaseException:
            self.stop(wanted)
            for lock in locks.values():
                lock.release()
            raise
        finally:
            self._reporter.close()

    def stop(self, parts: Iterable[Part | str] = ALL_PARTS) -> None:
        """Stop parts in reverse order; what does not end in its time is killed."""
        wanted = {Part(part) for part in parts} & self._running.keys()
        for part in wanted:
            self._running[part].announce_stop()
        for group in _STOP_ORDER:
            members = [self._running[part] for part in wanted & group]
            for member in members:
                member.ask_to_stop()
            for member in members:
                member.finish_stop()
                del self._running[member.part]

    def restart(self, part: Part | str, env: Mapping[str, str] | None = None) -> None:
        """Stop a part if it runs and start it again, with the settings `env` before those of this process."""
        self.stop([part])
        self.start([part], env=env, migrate=False)

    def kill(self, part: Part | str) -> None:
        """SIGKILL a part of this stack, as a power cut would, and release it for a new start.

        Raises `StackError` when this process does not run it.
        """
        running = self._running.pop(Part(part), None)
        if running is None:
            raise StackError(f"The part {part} is not run by this process.")
        running.kill()

    def kill_processes(self) -> None:
        """SIGKILL every part at once and return without waiting, to cut a stop short. Safe in a handler."""
        for running in list(self._running.values()):
            running.kill_process()

    def cancel(self) -> None:
        """Make a start that is under way give up with `StartCancelledError`. Safe in a signal handler."""
        self._cancelled = True

    def info(self) -> dict[str, Any]:
        """The content of a ready file; see `Site.info`."""
        return self.site.info()

    def reap(self) -> list[Death]:
        """The parts that died since the last look. Each is released, so that it can be started again."""
        deaths = [death for running in self._running.values() if (death := running.death())]
        for death in deaths:
            del self._running[death.part]
        return deaths

    def _take_locks(self, parts: Iterable[Part]) -> dict[Part, PartLock]:
        locks: dict[Part, PartLock] = {}
        try:
            for part in parts:
                locks[part] = PartLock.take(self.folder, part)
        except BaseException:
            for lock in locks.values():
                lock.release()
            raise
        return locks

    def _claim_site(self, parts: Sequence[Part]) -> Site:
        others_live = bool(living(self.folder).keys() - set(parts))
        with self.folder.exclusive():
            ports = claim(self.folder, parts, api_port=self._api_port, fixed=others_live)
            return Site(self.folder, ports, self.folder.secrets())

    def _start_in_order(self, wanted: Sequence[Part], *, migrate: bool) -> None:
        self._start_together([part for part in wanted if part in INFRASTRUCTURE])
        touches_data = Part.DB in wanted or bool(APPLICATION & set(wanted))
        if migrate and touches_data and Part.DB in living(self.folder):
            # In a thread of its own, for it runs an event loop and the caller may be inside one.
            with self._reporter.step("schema"), ThreadPoolExecutor(max_workers=1) as thread:
                thread.submit(prepare_database, self.site).result()
        self._start_together([part for part in wanted if part in APPLICATION])

    def _start_together(self, parts: Sequence[Part]) -> None:
        """Start parts side by side. When one fails the others give up, and the first failure is raised."""
        failures: list[Exception] = []

        def start(part: Part) -> None:
            try:
                with self._reporter.step(part):
                    self._running[part].start(lambda: self._cancelled or bool(failures))
            except StartCancelledError as error:
                failures.append(error)
            except Exception as error:  # noqa: BLE001 - a thread's failure is carried to the one who waits
                failures.insert(0, error)

        if parts:
            with ThreadPoolExecutor(max_workers=len(parts)) as threads:
                for part in parts:
                    threads.submit(start, part)
        if failures:
            raise failures[0]
