"""The entries of an account as a file (contract §4): CSV for a spreadsheet, camt.053 for a bookkeeping program."""

import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import IO, Annotated, Any, Final
from uuid import UUID

from fastapi import Query, Response
from fastapi.responses import StreamingResponse

from api.deps import Configuration, Db, Requires
from api.errors import documented
from api.routing import feature
from models.statements import StatementFormat, camt053, check_span, sheet
from models.tables import statements
from models.tables.auth import Caller

router = feature("statements", prefix="/accounts")

_TYPES: Final = {
    StatementFormat.CSV: "text/csv; charset=utf-8; header=present",
    StatementFormat.CAMT053: "application/xml",
}
_SUFFIXES: Final = {StatementFormat.CSV: "csv", StatementFormat.CAMT053: "xml"}
# A file up to this size stays in memory.
_SPOOLED: Final = 256 * 1024
_CHUNK: Final = 64 * 1024

_FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file.",
        "content": {"text/csv": {"schema": {"type": "string"}}, "application/xml": {"schema": {"type": "string"}}},
    }
}


@router.get(
    "/{account_id}/statements/export",
    summary="The entries of an account as a file",
    response_class=StreamingResponse,
    responses={**_FILES, **documented(400, 401, 403, 404)},
)
async def export_statement(
    account_id: UUID,
    _user: Annotated[Caller, Requires("transactions:read")],
    db: Db,
    settings: Configuration,
    first: Annotated[date, Query(alias="from", description="The first day, in UTC.")],
    last: Annotated[date, Query(alias="to", description="The last day; at most a year after the first.")],
    form: Annotated[StatementFormat, Query(alias="format")] = StatementFormat.CSV,
) -> Response:
    """The balance before the first day, every entry, and the balance after the last: they agree to the cent."""
    check_span(first, last, datetime.now(UTC).date())
    wanted = await statements.statement(db, account_id, first, last)
    pages = statements.entries(db, wanted)
    pieces = sheet(wanted, pages) if form is StatementFormat.CSV else camt053(wanted, pages, bank_bic=settings.bank_bic)
    # Written before the answer begins: what fails on the way is an error answer, and not half a file.
    kept = tempfile.SpooledTemporaryFile(max_size=_SPOOLED)  # noqa: SIM115 - closed when it has been sent
    try:
        async for piece in pieces:
            kept.write(piece)
    except BaseException:
        kept.close()
        raise
    size = kept.tell()
    kept.seek(0)
    name = f"statement-{wanted.holder.account_number}-{first}-{last}.{_SUFFIXES[form]}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Content-Length": str(size)}
    return StreamingResponse(_sent(kept), headers=headers, media_type=_TYPES[form])


async def _sent(kept: IO[bytes]) -> AsyncIterator[bytes]:
    with kept:
        while chunk := kept.read(_CHUNK):
            yield chunk
