"""Monthly statements by HTTP (contract §4, §8): which there are, and each as PDF, JSON, CSV and camt.053."""

import base64
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import select
from sqlmodel import col

from api import audit
from api.amounts import Amount
from api.deps import Db, Requires
from api.errors import documented
from api.pages import Page, PageQuery, page_of
from api.parts import parts_of
from api.routing import feature
from models.money import to_decimal
from models.statements import Period, StatementForm, StatementUnreadable
from models.tables import ledger
from models.tables import monthly_statements as table
from models.tables.auth import Caller
from models.tables.monthly_statements import StoredStatement

_reports = feature("reports", prefix="/reports")
_of_accounts = feature("statements", prefix="/accounts")
routers = (_reports, _of_accounts)

Reader = Annotated[Caller, Requires("transactions:read")]

_TYPES: Final = {
    StatementForm.PDF: "application/pdf",
    StatementForm.JSON: "application/json",
    StatementForm.CSV: "text/csv; charset=utf-8; header=present",
    StatementForm.CAMT053: "application/xml",
}
_SUFFIXES: Final = {
    StatementForm.PDF: "pdf",
    StatementForm.JSON: "json",
    StatementForm.CSV: "csv",
    StatementForm.CAMT053: "xml",
}
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
_FILES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file. `Content-Digest` (RFC 9530) is its SHA-256, kept since it was made.",
        "content": {
            "application/pdf": _BINARY,
            "application/json": {"schema": {"type": "object"}, "example": {"format": "aurum-statement/1"}},
            "text/csv": {"schema": {"type": "string"}},
            "application/xml": {"schema": {"type": "string"}},
        },
    }
}


class StatementView(BaseModel):
    """A statement of an account and a month. A later version replaces the one before, and says why."""

    id: UUID
    account_id: UUID
    period: str = Field(examples=["2026-10"])
    version: int = Field(examples=[1])
    reason: str = Field(examples=[""])
    currency: str = Field(examples=["EUR"])
    opening_balance: Amount
    closing_balance: Amount
    credits: Amount
    debits: Amount
    fees: Amount
    interest: Amount
    held: Amount = Field(description="What was set aside when the month ended.")
    entries: int = Field(examples=[60])
    begins_at: datetime
    ends_at: datetime
    made_at: datetime | None


def _view(one: StoredStatement) -> StatementView:
    def amount(minor: int) -> Any:
        return to_decimal(minor, one.currency)

    return StatementView(
        id=one.id,
        account_id=one.account_id,
        period=one.period,
        version=one.version,
        reason=one.reason,
        currency=one.currency,
        opening_balance=amount(one.opening_minor),
        closing_balance=amount(one.closing_minor),
        credits=amount(one.credit_minor),
        debits=amount(one.debit_minor),
        fees=amount(one.fee_minor),
        interest=amount(one.interest_minor),
        held=amount(one.held_minor),
        entries=one.credit_count + one.debit_count,
        begins_at=one.begins_at,
        ends_at=one.ends_at,
        made_at=one.made_at,
    )


@_reports.get("/statements", summary="Monthly statements", responses=documented(401, 403))
async def list_statements(
    _reader: Reader,
    db: Db,
    wanted: PageQuery,
    account_id: Annotated[UUID | None, Query(description="Of one account.")] = None,
    period: Annotated[Period | None, Query(description="Of one month.", examples=["2026-10"])] = None,
) -> Page[StatementView]:
    """All versions of all statements that the caller may see, the newest first."""
    chosen = select(StoredStatement)
    if account_id is not None:
        chosen = chosen.where(col(StoredStatement.account_id) == account_id)
    if period is not None:
        chosen = chosen.where(col(StoredStatement.period) == period)
    return await page_of(db, chosen, col(StoredStatement.id), wanted, _view)


@_of_accounts.get("/{account_id}/statements", summary="Statements of an account", responses=documented(401, 403, 404))
async def list_account_statements(account_id: UUID, _reader: Reader, db: Db, wanted: PageQuery) -> Page[StatementView]:
    """The monthly statements of one account, the newest first."""
    await ledger.balance(db, account_id)
    chosen = select(StoredStatement).where(col(StoredStatement.account_id) == account_id)
    return await page_of(db, chosen, col(StoredStatement.id), wanted, _view)


@_reports.get(
    "/statements/{statement_id}",
    summary="A monthly statement as a file",
    response_class=Response,
    responses={**_FILES, **documented(401, 403, 404, 503)},
)
@audit.disclosing
async def download_statement(
    statement_id: UUID,
    request: Request,
    _reader: Reader,
    db: Db,
    form: Annotated[StatementForm, Query(alias="format")] = StatementForm.PDF,
) -> Response:
    """The file as it was made, byte for byte: it is compared with its hash before it is handed out."""
    audit.note(request, "statement", statement_id, new={"format": form})
    statement = await table.find(db, statement_id)
    file = (await table.files_of(db, statement_id)).get(form)
    if file is None:
        raise StatementUnreadable("This statement has no such file; operations have to look")
    content = await parts_of(request.scope).uploads.statements.content(
        file.id, file.file_path, file.key_sealed, file.content_hash
    )
    number = f"-{statement.version}" if statement.version > 1 else ""
    name = f"statement-{statement.period}-{statement.account_id.hex[-12:]}{number}.{_SUFFIXES[form]}"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "private, no-store",
        "Content-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(file.content_hash)).decode()}:",
    }
    return Response(content, media_type=_TYPES[form], headers=headers)
