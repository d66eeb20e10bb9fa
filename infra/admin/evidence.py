"""The command that checks an evidence pack. It needs the pack and the kept heads, and no database."""

from pathlib import Path
from typing import Annotated

import typer

from infra import evidence
from infra.audit_anchors import AnchorFile, AnchorsDamaged
from models.evidence import Outcome, examined, verdict

# A pack that is right as far as it goes is neither a success nor a forgery.
_STATUS = {Outcome.PROVEN: 0, Outcome.BROKEN: 1, Outcome.OPEN: 3}


def install(app: typer.Typer) -> None:
    """Adds the command to `app`."""

    @app.command()
    def evidence_verify(
        file: Annotated[Path, typer.Argument(help="The pack, as PDF or as JSON.", exists=True, dir_okay=False)],
        anchors: Annotated[Path | None, typer.Option(help="The heads of the audit chain that you have kept.")] = None,
    ) -> None:
        """Check the evidence pack of a wire. Exit status 0 if all of it is proven, 3 if something cannot be told from
        this pack and these heads, 1 if something is wrong."""
        try:
            pack = evidence.read(file.read_bytes())
            findings = examined(pack, AnchorFile(anchors).read() if anchors else [])
        except (evidence.NoPack, AnchorsDamaged) as error:
            typer.echo(f"{file}: {error}", err=True)
            raise typer.Exit(1) from error
        for finding in findings:
            typer.echo(f"{finding.outcome.upper():7} {finding.check}: {finding.detail}")
        came_to = verdict(findings)
        typer.echo(f"\nWire {pack.wire_id}, pack made {pack.made_at}: {came_to}")
        raise typer.Exit(_STATUS[came_to])
