"""The worker and the API as they are, except that a wire or a payment stops where its reference says, once.

    python -m tests.journeys.saboteur                            the worker
    uvicorn tests.journeys.saboteur:create_app --factory         the API

What stops leaves a file `held/<its id>` in the folder `SABOTAGE_FOLDER`, and goes on when there is a file
`freed/<its id>`, which it says by a file `gone/<its id>`. In between the test kills something. Any other process stops
where a file `wanted/<its id>` says, with `~` for a slash of the id in all these names. Everything that runs
is the product's own code: the stops are in interceptors of Temporal's client and worker, and around the folders of the
bank and of the mail.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final
from uuid import uuid4

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from temporalio import activity
from temporalio.client import Client, OutboundInterceptor, StartWorkflowInput, WorkflowHandle
from temporalio.client import Interceptor as ClientInterceptor
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

import api.main
import worker
from activities import assembly
from infra import temporal
from infra.database import connect, transaction
from infra.providers.bank import FolderChannel
from infra.providers.email import Email, FolderEmail
from infra.settings import Settings, settings

FOLDER: Final = "SABOTAGE_FOLDER"
# A request with this header is carried out and committed, and its answer never sent.
UNANSWERED: Final = "X-Unanswered"
_LOOK_SECONDS: Final = 0.01

# Wires, and payments by a local rail, of which one says where to stop by its reference as the other does.
_ORDERS: Final = (
    "SELECT o.id, o.reference, o.status FROM (SELECT 'wire' AS kind, id, reference, status FROM wire_transfers"
    " UNION ALL SELECT 'payment', id, reference, status FROM payments) o "
)
# Which of them something is about.
_OF: Final = {
    "wire": _ORDERS + "WHERE o.id = CAST(:key AS uuid)",
    "payment": _ORDERS + "WHERE o.id = CAST(:key AS uuid)",
    "notification": _ORDERS + "JOIN notifications n ON n.key = o.kind || '/' || o.id || '/' || o.status"
    " WHERE n.id = CAST(:key AS uuid)",
    "order": _ORDERS + "JOIN bank_messages m ON o.id IN (m.wire_id, m.payment_id)"
    " WHERE m.direction = 'outbound' AND m.file_name = :key",
    "answer": _ORDERS + "JOIN bank_answers a ON o.id IN (a.wire_id, a.payment_id)"
    " JOIN bank_messages m ON m.id = a.message_id WHERE m.direction = 'inbound' AND m.file_name = :key",
}


@dataclass(frozen=True)
class Sighting:
    """A wire or a payment as it was when something began with it, and where it wants to stop."""

    id: str
    reference: str
    status: str


class Stops:
    """Where wires stop, in one process."""

    def __init__(self, folder: Path, engine: AsyncEngine, program: str) -> None:
        self._folder = folder
        self._engine = engine
        self._program = program

    async def sighted(self, thing: str) -> Sequence[Sighting]:
        """The orders that a `thing` is about: a process, by its id, or a file, as `order/<name>` or `answer/<name>`."""
        kind, _, key = thing.partition("/")
        if kind not in _OF:
            return self._wished(thing)
        async with transaction(self._engine) as session:
            rows = (await session.execute(text(_OF[kind]), {"key": key})).all()
        return tuple(Sighting(str(row.id), row.reference, row.status) for row in rows)

    def _wished(self, process: str) -> Sequence[Sighting]:
        """A process that has no reference of its own: where it stops, a test has said (`Scene.want`)."""
        name = process.replace("/", "~")
        wish = self._folder / "wanted" / name
        return (Sighting(name, wish.read_text(), ""),) if wish.exists() else ()

    async def at(self, side: str, act: str, orders: Sequence[Sighting]) -> None:
        """Lets those of `orders` stop that want to stop on this `side` of `act`."""
        for order in orders:
            if order.reference in {f"{side} {act}", f"{side} {act} on {order.status}"}:
                await self.stop(order.id, order.reference)

    async def stop(self, name: str, point: str) -> None:
        """Stops here until `name` is freed; at once on, if it has stopped before."""
        draft = self._folder / f"{uuid4()}.draft"
        draft.write_text(json.dumps({"point": point, "program": self._program, "pid": os.getpid()}))
        try:
            # Whole, and by one of all processes alone.
            (self._folder / "held" / name).hardlink_to(draft)
        except FileExistsError:
            return
        finally:
            draft.unlink()
        try:
            while not (self._folder / "freed" / name).exists():  # noqa: ASYNC110 # another process says so
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            # Also when whoever waits for the step has lost patience: the test has to know that nobody stands there.
            (self._folder / "gone" / name).touch()

    def note_run(self, process: str, step: str) -> None:
        """Notes that a step begins to run, for the process `process`."""
        line = json.dumps({"process": process, "step": step, "pid": os.getpid()}) + "\n"
        with (self._folder / "runs").open("a", encoding="utf-8") as file:
            file.write(line)


class StopsAroundSteps(Interceptor):
    """Stops before a step runs, and after it ran while Temporal does not know."""

    def __init__(self, stops: Stops) -> None:
        self._stops = stops

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _StopsAroundSteps(next, self._stops)


class _StopsAroundSteps(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, stops: Stops) -> None:
        super().__init__(next)
        self._stops = stops

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        process, step = str(activity.info().workflow_id), activity.info().activity_type
        self._stops.note_run(process, step)
        orders = await self._stops.sighted(process)
        await self._stops.at("before", step, orders)
        result = await super().execute_activity(input)
        await self._stops.at("after", step, orders)
        return result


class StopsAroundDispatch(ClientInterceptor):
    """Stops before Temporal is asked to start or wake a process, and after it has."""

    def __init__(self, stops: Stops) -> None:
        self._stops = stops

    def intercept_client(self, next: OutboundInterceptor) -> OutboundInterceptor:
        return _StopsAroundDispatch(next, self._stops)


class _StopsAroundDispatch(OutboundInterceptor):
    def __init__(self, next: OutboundInterceptor, stops: Stops) -> None:
        super().__init__(next)
        self._stops = stops

    async def start_workflow(self, input: StartWorkflowInput) -> WorkflowHandle[Any, Any]:
        orders = await self._stops.sighted(input.id) if input.id.startswith(("wire/", "payment/")) else ()
        await self._stops.at("before", "dispatch", orders)
        handle = await super().start_workflow(input)
        await self._stops.at("after", "dispatch", orders)
        return handle


class StoppingChannel(FolderChannel):
    """The folders of the bank, with stops around the rename and before a read file is put away."""

    def __init__(self, outbox: Path, inbox: Path, stops: Stops) -> None:
        super().__init__(outbox, inbox)
        self._stops = stops

    async def publish(self, name: str) -> bool:
        orders = await self._stops.sighted(f"order/{name}")
        await self._stops.at("before", "publish", orders)
        published = await super().publish(name)
        await self._stops.at("after", "publish", orders)
        return published

    async def archive(self, name: str) -> str:
        message_type = ".".join(name.split(".")[:2])
        await self._stops.at("before", f"archive of {message_type}", await self._stops.sighted(f"answer/{name}"))
        return await super().archive(name)


class StoppingEmail(FolderEmail):
    """The folder of the mail, with a stop after a message is there."""

    def __init__(self, folder: Path, sender: str, stops: Stops) -> None:
        super().__init__(folder, sender)
        self._stops = stops

    async def send(self, email: Email) -> None:
        await super().send(email)
        await self._stops.at("after", "mail", await self._stops.sighted(f"notification/{email.key}"))


class StoppingAnswers:
    """Keeps the answers back that are asked for with `UNANSWERED`: the header's value is the name to be freed."""

    def __init__(self, app: ASGIApp, stops: Stops) -> None:
        self._app = app
        self._stops = stops

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = dict(scope.get("headers", ())).get(UNANSWERED.lower().encode(), b"").decode()

        async def kept_back(message: Message) -> None:
            await self._stops.stop(name, "before the answer")
            await send(message)

        await self._app(scope, receive, kept_back if name else send)


def stops_of(config: Settings, program: str) -> Stops:
    """The stops of this process."""
    engine = connect(config.database_worker_url.get_secret_value(), pool_size=4, name="saboteur")
    return Stops(Path(os.environ[FOLDER]), engine, program)


def stop_dispatch(stops: Stops) -> None:
    """Gives every client of Temporal that this process makes stops around its starts of processes."""
    plain = Client.connect

    async def connect(*where: Any, **options: Any) -> Client:
        options["interceptors"] = [*options.get("interceptors", ()), StopsAroundDispatch(stops)]
        return await plain(*where, **options)

    replace(Client, connect=connect)


def replace(place: ModuleType | type, **parts: object) -> None:
    """Puts `parts` where `place` finds its own by these names. Raises `AttributeError` where it has none."""
    for name, part in parts.items():
        getattr(place, name)
        setattr(place, name, part)


def create_app() -> FastAPI:
    """The API, with stops around dispatch and before answers."""
    stops = stops_of(settings(), "api")
    stop_dispatch(stops)
    app = api.main.create_app()
    app.add_middleware(StoppingAnswers, stops=stops)
    return app


def main() -> int:
    """The worker, with stops around steps and dispatch and inside the steps that touch the world outside."""
    config = settings()
    stops = stops_of(config, "worker")
    stop_dispatch(stops)
    replace(
        assembly,
        FolderChannel=lambda outbox, inbox: StoppingChannel(outbox, inbox, stops),
        FolderEmail=lambda folder, sender: StoppingEmail(folder, sender, stops),
    )
    asyncio.run(worker.run(config, interceptors=[StopsAroundSteps(stops)]))
    temporal.release_clients()
    return 0


if __name__ == "__main__":
    sys.exit(main())
