"""Commands about backups: make one, restore one, hold what came back against its proofs."""

import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeAlias

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.audit_anchors import AnchorFile, AnchorsDamaged, rewind
from infra.backup import dump
from infra.backup.dump import BackupFailed, Manifest
from infra.backup.verification import Check, verified
from infra.choices import StoreKind
from infra.database import transaction
from infra.providers.store import open_statements, open_vault
from infra.settings import settings
from models.audit_chain import Head
from models.errors import AurumError
from models.tables.audit_seals import head

Runner: TypeAlias = Callable[[Callable[[AsyncEngine], Awaitable[Any]]], Any]


def install(app: typer.Typer, as_owner: Runner) -> None:
    """Adds the commands to `app`. `as_owner` runs what it is given over an engine of the owner."""

    @app.command()
    def backup(
        folder: Annotated[Path, typer.Argument(help="A new folder for it, for example backups/2026-11-22.")],
    ) -> None:
        """Save the database as it is at one moment, and a copy of the folder store. Everybody goes on working. Keys
        are not in it: keep AURUM_FIELD_KEYS and the other secrets in another place."""
        config = settings()
        last: Head | None = as_owner(_head)
        store = config.store_dir if config.store_provider is StoreKind.FOLDER else None
        try:
            made = dump.write(config.database_url.get_secret_value(), folder, audit_head=last, store=store)
        except (BackupFailed, OSError) as error:
            _fail(str(error))
        typer.echo(dump.described(made))
        if store is None:
            typer.echo("Objects of the bucket are not in it: its own versions and copies keep them.", err=True)

    @app.command()
    def restore(
        folder: Annotated[Path, typer.Argument(help="The folder of a backup.", exists=True, file_okay=False)],
    ) -> None:
        """Restore a backup into the empty database that AURUM_DATABASE_URL names, and check it. Nothing of Aurum may
        run on it meanwhile. The store is put back by hand. Exit status 1 if anything is not as it was saved."""
        url = settings().database_url.get_secret_value()
        try:
            manifest = dump.read(folder)
            dump.restore(url, folder, manifest)
        except BackupFailed as error:
            _fail(str(error))
        typer.echo(f"Restored: {dump.described(manifest)}")
        _checked(as_owner, manifest, None, files=False)

    _install_checks(app, as_owner)


def _install_checks(app: typer.Typer, as_owner: Runner) -> None:
    @app.command()
    def restore_verify(
        anchors: Annotated[Path | None, typer.Option(help="Kept heads; AURUM_AUDIT_ANCHOR_FILE if not given.")] = None,
        files: Annotated[bool, typer.Option(help="Open every file of the store, and compare its hash.")] = True,
    ) -> None:
        """Prove that a database that came back, whichever way, is the bank: books, audit log, files. Changes nothing.
        Exit status 1 if something does not hold, or is missing at the end."""
        _checked(as_owner, None, anchors, files=files)

    @app.command()
    def audit_anchor_rewind(
        reason: Annotated[str, typer.Option(help="Why; kept in the audit log.")],
    ) -> None:
        """After a restore to an earlier moment: put the kept heads that came later aside, so that new ones are kept.
        They stay in a file beside it, as proof of what was lost. Exit status 1 if an earlier head does not fit."""
        path = settings().audit_anchor_file
        if path is None:
            _fail("AURUM_AUDIT_ANCHOR_FILE names no file.")
        if not reason.strip():
            raise typer.BadParameter("say why", param_hint="--reason")
        try:
            aside = as_owner(
                partial(
                    rewind, anchors=AnchorFile(path), at=datetime.now(UTC), reason=reason, operator=getpass.getuser()
                )
            )
        except (AnchorsDamaged, AurumError) as error:
            _fail(str(error))
        typer.echo("No kept head is later than the log." if aside is None else f"Put aside: {aside}")


def _checked(as_owner: Runner, manifest: Manifest | None, anchors: Path | None, *, files: bool) -> NoReturn:
    config = settings()
    path = anchors or config.audit_anchor_file
    try:
        kept = AnchorFile(path).read() if path else []
    except AnchorsDamaged as error:
        _fail(str(error))

    async def look(engine: AsyncEngine) -> list[Check]:
        found = verified(
            engine,
            owner_url=config.database_url.get_secret_value(),
            anchors=kept,
            manifest=manifest,
            vaults=(open_vault(config), open_statements(config)) if files else None,
        )
        return [check async for check in found]

    checks: list[Check] = as_owner(look)
    for check in checks:
        typer.echo(f"{'ok   ' if check.holds else 'WRONG'}  {check.said}")
    raise typer.Exit(0 if all(check.holds for check in checks) else 1)


async def _head(engine: AsyncEngine) -> Head | None:
    async with transaction(engine) as session:
        link = await head(session)
    return link.head if link else None


def _fail(reason: str) -> NoReturn:
    typer.echo(reason, err=True)
    raise typer.Exit(1)
