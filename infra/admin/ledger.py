"""Commands about the ledger: prove it, explain a breach, let it book again."""

import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, TypeAlias

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from infra.database import transaction
from models.errors import WrongState
from models.ledger_proof import Explanation, Freeze, Proof, told
from models.tables import ledger_evidence, ledger_proofs

Runner: TypeAlias = Callable[[Callable[[AsyncEngine], Awaitable[Any]]], Any]


def install(app: typer.Typer, as_owner: Runner) -> None:
    """Adds the commands to `app`. `as_owner` runs what it is given over an engine of the owner."""

    @app.command()
    def ledger_prove(json: Annotated[bool, typer.Option("--json", help="Tell it in JSON.")] = False) -> None:
        """Prove every rule of the ledger now, keep what was found, and suspend posting on a breach. Exit status 1 on a
        breach."""
        proof: Proof = as_owner(_prove)
        typer.echo(proof.model_dump_json() if json else told(proof))
        raise typer.Exit(0 if proof.holds else 1)

    @app.command()
    def ledger_explain(
        limit: Annotated[int, typer.Option(min=1, max=1000, help="How many breaches to explain.")] = 20,
    ) -> None:
        """Print each breach that there is now: by how much, since when, and which postings, entries or holds it is
        seen by. Changes nothing. Exit status 1 on a breach."""
        explanations, freeze = as_owner(partial(_explain, limit=limit))
        if freeze is not None:
            typer.echo(f"Posting is suspended since {freeze.since:%Y-%m-%d %H:%M:%S} UTC. {freeze.reason}\n")
        for explanation in explanations:
            typer.echo(explanation.told())
        if not explanations:
            typer.echo("Every rule of the ledger holds.")
        raise typer.Exit(1 if explanations else 0)

    @app.command()
    def ledger_unfreeze(
        reason: Annotated[str, typer.Option(help="What was found and done; kept in the audit log.")],
        despite_breaches: Annotated[bool, typer.Option(help="Book again although a rule does not hold.")] = False,
    ) -> None:
        """Let the ledger book again. It is proven first, and stays frozen while a breach is left."""
        if not reason.strip():
            raise typer.BadParameter("say what was found and done", param_hint="--reason")
        try:
            done = as_owner(partial(_unfreeze, reason=reason.strip(), despite_breaches=despite_breaches))
        except WrongState as error:
            typer.echo(error.detail, err=True)
            raise typer.Exit(1) from error
        if isinstance(done, Proof):
            typer.echo(told(done), err=True)
            raise typer.Exit(1)
        typer.echo(f"The ledger books again. It was frozen since {done.since:%Y-%m-%d %H:%M:%S} UTC.")


async def _prove(engine: AsyncEngine) -> Proof:
    async with transaction(engine) as session:
        return await ledger_proofs.prove(session, datetime.now(UTC))


async def _explain(engine: AsyncEngine, *, limit: int) -> tuple[list[Explanation], Freeze | None]:
    async with transaction(engine) as session:
        found = await ledger_evidence.explain(session, datetime.now(UTC), limit)
        return found, await ledger_proofs.frozen(session)


async def _unfreeze(engine: AsyncEngine, *, reason: str, despite_breaches: bool) -> Proof | Freeze:
    """The freeze that was ended, or the proof that speaks against it."""
    proof = await _prove(engine)
    if not (proof.holds or despite_breaches):
        return proof
    async with transaction(engine) as session:
        return await ledger_proofs.unfreeze(session, reason, getpass.getuser())
