"""The parts of the stack as the journeys run them: API and worker with stops in them, a bank without a clock."""

from dataclasses import replace
from typing import Final

from infra.local.application import Api, Worker
from infra.local.bank import Bank, BankClock
from infra.local.parts import Part
from infra.local.processes import Launch
from infra.local.program import Program


class HandWoundBank(Bank):
    """A bank whose day moves when the test says so, and whose cut-off is always over: it settles the next day."""

    def prepare(self) -> Launch:
        launch = super().prepare()
        return replace(launch, command=(*launch.command, "--cutoff", "00:00", "--drop-interval-ms", "50"))

    def clock(self) -> BankClock:
        return _StoppedClock(self.site.bank_url, always=False)


class _StoppedClock(BankClock):
    def start(self) -> None:
        """Never looks."""


class SabotagedWorker(Worker):
    """The worker in which wires stop."""

    def prepare(self) -> Launch:
        super().prepare()
        return self._launch("-m", "tests.journeys.saboteur")


class SabotagedApi(Api):
    """The API in which wires stop."""

    def prepare(self) -> Launch:
        launch = super().prepare()
        command = ("tests.journeys.saboteur:create_app" if "create_app" in word else word for word in launch.command)
        return replace(launch, command=tuple(command))


PROGRAMS: Final[dict[Part, type[Program]]] = {
    Part.BANK: HandWoundBank,
    Part.API: SabotagedApi,
    Part.WORKER: SabotagedWorker,
}
