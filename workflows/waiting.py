"""How a process that may live for weeks waits: for people and the bank, who wake it, and for moments."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from temporalio import workflow

from models.payments import PaymentState
from models.wires import WireState
from workflows.steps import database_step, provider_step

State = TypeVar("State", WireState, PaymentState)


class Waiting:
    """A process that is woken. Its rows say where it stands; a wake carries no content and says: look at them.

    Each look begins with `_looking`, so that a wake that is early, doubled or lost changes nothing: what came before
    the look is seen by it, and what comes while it runs is looked at after it.
    """

    def __init__(self) -> None:
        self._wakes = 0
        self._seen = 0

    @workflow.signal(name="wake")
    def wake(self) -> None:
        """Something has changed: look at the rows."""
        self._wakes += 1

    def _looking(self) -> None:
        self._seen = self._wakes

    async def _until(self, moment: datetime | None, summary: str) -> bool:
        """Waits for a wake or for `moment`. True if it was a wake; one that came since the last look counts."""
        timeout = None if moment is None else max(moment - workflow.now(), timedelta(0))
        try:
            await workflow.wait_condition(
                lambda: self._wakes > self._seen, timeout=timeout, timeout_summary=summary or None
            )
        except TimeoutError:
            return False
        return True


class OrderToTheBank(Waiting, ABC, Generic[State]):
    """A wire or a payment: it takes steps, is given to the bank once, and waits for what the bank says of it.

    A subclass says what a step is given (`_step`) and how a state is shown (`_show`).
    """

    def __init__(self) -> None:
        super().__init__()
        self._sent = False
        self._silent_since: datetime | None = None

    async def _do(self, step: Callable[[Any, Any], Any], summary: str) -> State:
        """Takes a step in the database, and shows the state that it answered with."""
        self._looking()
        state: State = await database_step(step, self._step(), summary)
        self._show(state)
        return state

    async def _send(self, step: Callable[[Any, Any], Any]) -> State:
        """Gives the order to the bank."""
        self._looking()
        state: State = await provider_step(step, self._step(), "Put the order into the bank's folder")
        self._sent = True
        self._show(state)
        return state

    async def _hear(
        self, state: State, *, apply_answers: Callable[[Any, Any], Any], note_silence: Callable[[Any, Any], Any]
    ) -> State:
        """Waits for the bank's answers and applies them; tells operations when it says nothing."""
        if await self._until(state.look_again_at, "From here on the bank is late"):
            return await self._do(apply_answers, "Apply the bank's answers")
        self._silent_since = workflow.now()
        return await self._do(note_silence, "Tell operations that the bank is silent")

    @abstractmethod
    def _step(self) -> Any:
        """What each step is given."""

    @abstractmethod
    def _show(self, state: State) -> None:
        """Shows operations where the order stands."""
