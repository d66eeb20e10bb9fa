"""The command line of operators, over the database as its owner: `python -m infra.admin audit-verify`."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer
from pydantic import ValidationError
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.admin import (
    approval,
    backup,
    blocked,
    calendars,
    deployment,
    evidence,
    ledger,
    mail,
    market_days,
    payloads,
    people,
    processes,
    quarantine,
    sanctions,
    schedules,
    transactions,
    versions,
)
from infra.audit_anchors import AnchorFile, AnchorsDamaged, keep_head
from infra.crypto import Keyring
from infra.database import connect, transaction
from infra.field_rotation import Rotation, rotate
from infra.settings import Settings, settings
from models.audit_chain import Verification
from models.tables.audit_seals import head
from models.tables.audit_walk import verify

T = TypeVar("T")

app = typer.Typer(
    help="What operators do to the database itself. Settings come from the environment (AURUM_…) and .env.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def main(
    data: Annotated[Path | None, typer.Option(help="The folder of an embedded stack, to be used instead.")] = None,
) -> None:
    """Take the settings of an embedded stack, where one is named."""
    if data is None:
        return
    from infra.local.folder import DataFolder  # noqa: PLC0415 # a deployment has no such module
    from infra.local.ports import claim  # noqa: PLC0415 # a deployment has no such module
    from infra.local.site import Site  # noqa: PLC0415 # a deployment has no such module

    folder = DataFolder(data.expanduser().resolve())
    if not (folder.root / "ports.json").exists():
        _fail(f"{folder.root} is not the folder of an embedded stack.")
    with folder.exclusive():
        site = Site(folder, claim(folder, (), api_port=None, fixed=True), folder.secrets())
    os.environ.update(site.environment({}))


@app.command()
def audit_verify(
    anchors: Annotated[Path | None, typer.Option(help="Kept heads; AURUM_AUDIT_ANCHOR_FILE if not given.")] = None,
    start: Annotated[int, typer.Option(min=1, help="Begin at this seal, and take what is before on trust.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Tell it in JSON.")] = False,
) -> None:
    """Walk the chain over the audit log. Exit status 1 if a row or a seal was tampered with; the first is named."""
    path = anchors or settings().audit_anchor_file
    try:
        kept = AnchorFile(path).read() if path else []
    except AnchorsDamaged as error:
        _fail(str(error))

    async def walk(engine: AsyncEngine) -> Verification:
        async with transaction(engine) as session:
            return await verify(session, anchors=kept, start=start)

    found = _as_owner(walk)
    typer.echo(found.model_dump_json() if json else _told(found))
    raise typer.Exit(0 if found.intact else 1)


@app.command()
def audit_anchor(
    keep: Annotated[Path | None, typer.Option(help="Keep it in this file; AURUM_AUDIT_ANCHOR_FILE if set.")] = None,
) -> None:
    """Print the head of the chain as a JSON line, and keep it in a file. Exit status 1 if it does not go through the
    head that was kept there last."""
    path = keep or settings().audit_anchor_file

    async def last(engine: AsyncEngine) -> str | None:
        if path is not None:
            report = await keep_head(engine, AnchorFile(path))
            if report.broken:
                _fail(report.broken)
        async with transaction(engine) as session:
            link = await head(session)
        return link.head.model_dump_json() if link else None

    line = _as_owner(last)
    if line is None:
        _fail("Nothing is sealed yet.")
    typer.echo(line)


@app.command()
def rotate_field_keys(
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Rows in one transaction.")] = 200,
) -> None:
    """Seal personal data again that is sealed with another key than AURUM_FIELD_KEY_ID. May be interrupted and
    repeated. Exit status 1 while something is left that the other keys are needed for."""
    keyring = Keyring.of(settings().field_keys, settings().field_key_id)

    async def run(engine: AsyncEngine) -> list[Rotation]:
        return await rotate(engine, keyring, batch=batch)

    rotations = _as_owner(run)
    for done in rotations:
        name = f"{done.field.table}.{done.field.column}"
        typer.echo(f"{name}: {done.resealed} sealed again, {done.current} under {keyring.current}, {done.left} not")
        for row_id in done.unreadable:
            typer.echo(f"{name}: the value of {row_id} does not open", err=True)
    raise typer.Exit(0 if all(done.complete for done in rotations) else 1)


def _as_owner(act: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    async def run() -> T:
        engine = connect(settings().database_url.get_secret_value(), pool_size=2, name="aurum-admin")
        try:
            return await act(engine)
        finally:
            await engine.dispose()

    try:
        return asyncio.run(run())
    except OperationalError as error:
        _fail(f"The database does not answer: {error.orig}")


calendars.install(app, _as_owner)
market_days.install(app, _as_owner)
approval.install(app, _as_owner)
blocked.install(app, _as_owner)
ledger.install(app, _as_owner)
sanctions.install(app, _as_owner)
transactions.install(app, _as_owner)
evidence.install(app)
deployment.install(app, _as_owner)
backup.install(app, _as_owner)
processes.install(app, _as_owner)
people.install(app, _as_owner)
schedules.install(app, _as_owner)
quarantine.install(app, _as_owner)
payloads.install(app)
versions.install(app)
mail.install(app, _as_owner)


def _told(found: Verification) -> str:
    counted = (
        f"{found.verified} seals verified, {found.waiting} rows wait for theirs, {found.sealed_late} were sealed late;"
        f" compared with {found.anchors} kept heads."
    )
    if found.first_break is None:
        return f"The audit log is intact: {counted}"
    broken = found.first_break
    row = "" if broken.audit_id is None else f" row {broken.audit_id}"
    seal = "" if broken.chain_seq is None else f" seal {broken.chain_seq}"
    return f"BROKEN {broken.kind}:{row}{seal}. {broken.detail}\nBefore it: {counted}"


def _fail(reason: str) -> NoReturn:
    typer.echo(reason, err=True)
    raise typer.Exit(1)


def _run() -> None:
    try:
        app()
    except ValidationError as error:
        if error.title != Settings.__name__:
            raise
        typer.echo("The settings are refused: `python -m infra.admin check-settings` says why.", err=True)
        sys.exit(1)


if __name__ == "__main__":
    _run()
