"""A customer sends a document, or takes one back (contract §6)."""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from uuid_utils.compat import uuid7

from api import audit
from api.deps import CurrentUser, Db
from api.errors import UnsupportedMediaType, documented
from api.idempotency import IdempotencyKey
from api.kyc.documents import DocumentView, document_view
from api.moments import Day
from api.multipart import FileForm
from api.parts import parts_of, work_of
from api.routing import feature
from api.upload_routing import FileRoute, Sent, file_body
from models.kyc.documents import (
    ContentType,
    DocumentRefused,
    DocumentStatus,
    DocumentType,
    Inspected,
    check_expiry,
)
from models.tables.kyc import documents
from models.tables.kyc.documents import Document
from models.tables.outbox import enqueue

router = feature("kyc")
_uploads = feature("kyc", route_class=FileRoute)
# The name that an older specification gave it.
_alias = feature("kyc", prefix="/users/kyc", route_class=FileRoute)

# What a sender calls it that says nothing.
_ANY_TYPE: Final = frozenset({"", "application/octet-stream", "binary/octet-stream"})
_TYPES: Final = {
    ContentType.PDF: frozenset({"application/pdf", "application/x-pdf"}),
    ContentType.PNG: frozenset({"image/png", "image/x-png"}),
    ContentType.JPEG: frozenset({"image/jpeg", "image/jpg", "image/pjpeg"}),
}
_SUFFIXES: Final = {
    ContentType.PDF: frozenset({".pdf"}),
    ContentType.PNG: frozenset({".png"}),
    ContentType.JPEG: frozenset({".jpg", ".jpeg", ".jpe", ".jfif"}),
}


class DocumentIn(BaseModel):
    """What is said of a document beside its file."""

    model_config = ConfigDict(extra="forbid")

    document_type: DocumentType
    expires_at: Day | None = Field(default=None, description="Its last day, where it has one.")
    country: Annotated[str | None, StringConstraints(pattern=r"^[A-Z]{2}$")] = Field(
        default=None, description="Who issued it, in ISO 3166-1."
    )


@_uploads.post(
    "/upload",
    status_code=201,
    summary="Send a document",
    responses=documented(400, 401, 403, 409, 413, 415),
    openapi_extra=file_body(DocumentIn),
)
@_alias.post(
    "",
    status_code=201,
    summary="Send a document (as POST /kyc/upload)",
    responses=documented(400, 401, 403, 409, 413, 415),
    openapi_extra=file_body(DocumentIn),
)
async def upload_document(
    form: Sent, request: Request, caller: CurrentUser, db: Db, _key: IdempotencyKey
) -> DocumentView:
    """A PDF, PNG or JPEG of at most 10 MB. It is looked into, written anew without what a camera or an editor noted in
    it, and kept sealed; what holds scripts, other files or a password is refused."""
    said = _said(form)
    document_id = uuid7()
    audit.note(
        request, "document", document_id, new={**said.model_dump(mode="json"), "sha256": form.sha256, "size": form.size}
    )
    check_expiry(said.document_type, said.expires_at, datetime.now(UTC).date())
    await documents.check_room(db, caller.id, said.document_type, form.sha256)
    uploads = parts_of(request.scope).uploads
    path = uploads.vault.new_path()
    try:
        async with uploads.inspector.rewritten(form.file) as (found, content):
            _check_word(form, found)
            work_of(request).on_failure.append(partial(uploads.vault.forget, path))
            key_sealed = await uploads.vault.keep(document_id, path, content)
    except DocumentRefused as refused:
        if refused.extra.get("reason") == "not_a_document":
            raise UnsupportedMediaType(refused.detail) from None
        raise
    document = await documents.add(
        db,
        Document(
            id=document_id,
            user_id=caller.id,
            file_path=path,
            key_sealed=key_sealed,
            **said.model_dump(),
            **found.model_dump(),
        ),
    )
    await enqueue(
        db,
        workflow="document-scan",
        workflow_id=f"document-scan/{document_id}",
        argument={"document_id": str(document_id)},
        summary=said.document_type,
        request_id=audit.attempt_of(request).request_id,
    )
    return document_view(document)


@router.delete("/documents/{document_id}", summary="Take a document back", responses=documented(401, 403, 404, 409))
async def withdraw_document(document_id: UUID, request: Request, caller: CurrentUser, db: Db) -> DocumentView:
    """Possible until it was decided on. What it held is destroyed at once; that there was one stays."""
    audit.note(request, "document", document_id, new={"status": DocumentStatus.WITHDRAWN})
    return document_view(await documents.withdraw(db, document_id, caller.id))


def _said(form: FileForm) -> DocumentIn:
    try:
        # An empty field of a form is one that was not filled in.
        return DocumentIn.model_validate({name: value for name, value in form.fields.items() if value})
    except ValidationError as error:
        details: list[Any] = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_context=False)]
        raise RequestValidationError(details) from None


def _check_word(form: FileForm, found: Inspected) -> None:
    """Raises `DocumentRefused` where the sender says that it is something else than it is."""
    kind = found.content_type
    if form.declared not in _ANY_TYPE | _TYPES[kind] or form.suffix not in {"", *_SUFFIXES[kind]}:
        raise DocumentRefused(f"The file is {kind.value}, and its name or type says otherwise", reason="type_mismatch")


routers = (router, _uploads, _alias)
