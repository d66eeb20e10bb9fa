"""An officer is given the content of a document: to be saved, inert, unchanged, and never without a line in the log."""

import hashlib
from io import BytesIO
from typing import Annotated
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from uuid_utils.compat import uuid7

from api import audit, errors
from api.deps import Db, Staff
from api.kyc.documents import document_content
from api.observation import Observation
from api.parts import parts_of, provide
from api.protection import Protection
from api.routing import feature
from infra.database import transaction
from infra.providers.store.sealing import CHUNK
from models.kyc.documents import ScanStatus
from models.tables.auth import Caller
from models.tables.kyc import documents
from tests.factories.auth import signed_in
from tests.factories.documents import document as make_document
from tests.factories.users import add_customer, add_officer

CONTENT = bytes(range(256)) * 600


@pytest.fixture
def reading(app: FastAPI) -> FastAPI:
    """An application over the parts of the running one, with an operation that hands a document out."""
    made, router = FastAPI(), feature("kyc")

    @router.get("/{document_id}")
    @audit.disclosing
    async def read(
        document_id: UUID, request: Request, _officer: Annotated[Caller, Staff("admin:compliance")], db: Db
    ) -> Response:
        return await document_content(request, await documents.find(db, document_id))

    made.include_router(router)
    errors.install(made)
    made.add_middleware(Observation, protection=Protection("http://aurum.test"), proxies=())
    provide(made, parts_of({"app": app}))
    return made


async def _kept(app: FastAPI, owner: AsyncEngine, scan: ScanStatus | None = ScanStatus.CLEAN) -> UUID:
    vault = parts_of({"app": app}).uploads.vault
    customer = await add_customer(owner)
    new, path, hashed = uuid7(), vault.new_path(), hashlib.sha256(CONTENT).hexdigest()
    document_id = await make_document(
        owner,
        customer.id,
        scan=scan,
        file_path=path,
        file_hash=hashed,
        size_bytes=len(CONTENT),
        content_type="application/pdf",
        id=new,
        key_sealed=await vault.keep(new, path, BytesIO(CONTENT)),
    )
    assert len(CONTENT) > 2 * CHUNK
    return document_id


async def _asked(
    reading: FastAPI, app: FastAPI, owner: AsyncEngine, document_id: UUID, *, officer: bool = True
) -> httpx.Response:
    who = await (add_officer(owner) if officer else add_customer(owner))
    headers = await signed_in(app, owner, who)
    transport = httpx.ASGITransport(app=reading)
    async with httpx.AsyncClient(transport=transport, base_url="http://aurum.test") as client:
        return await client.get(f"/api/v1/kyc/{document_id}", headers=headers)


async def _lines(owner: AsyncEngine) -> list[tuple[str, str | None, str]]:
    async with transaction(owner) as session:
        asked = "SELECT outcome, code, resource_id FROM audit_logs WHERE action = 'kyc.read' ORDER BY id"
        return [tuple(row) for row in (await session.execute(text(asked))).all()]


async def test_a_document_is_handed_out_unchanged_and_inert_and_the_log_says_to_whom(
    reading: FastAPI, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    document_id = await _kept(app, owner_engine)
    answered = await _asked(reading, app, owner_engine, document_id)
    assert (answered.status_code, answered.content == CONTENT) == (200, True)
    assert answered.headers["Content-Disposition"] == f'attachment; filename="passport-{document_id}.pdf"'
    assert answered.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answered.headers["X-Content-Type-Options"] == "nosniff"
    assert answered.headers["Cache-Control"] == "no-store"
    assert answered.headers["Content-Length"] == str(len(CONTENT))
    assert await _lines(owner_engine) == [("done", None, str(document_id))]


@pytest.mark.parametrize("scan", [None, ScanStatus.INFECTED, ScanStatus.FAILED])
async def test_what_the_scanner_has_not_passed_is_handed_to_nobody(
    reading: FastAPI, app: FastAPI, owner_engine: AsyncEngine, scan: ScanStatus | None
) -> None:
    document_id = await _kept(app, owner_engine, scan)
    answered = await _asked(reading, app, owner_engine, document_id)
    assert (answered.status_code, answered.json()["code"]) == (409, "document_not_scanned")
    assert await _lines(owner_engine) == [("refused", "document_not_scanned", str(document_id))]


async def test_a_lost_content_is_an_error_before_the_answer_begins(
    reading: FastAPI, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    document_id = await _kept(app, owner_engine)
    async with transaction(owner_engine) as session:
        path = (await documents.find(session, document_id)).file_path
    await parts_of({"app": app}).uploads.vault.forget(path)
    answered = await _asked(reading, app, owner_engine, document_id)
    assert (answered.status_code, answered.json()["code"]) == (503, "content_unreadable")


async def test_a_customer_is_refused_and_the_log_says_so(
    reading: FastAPI, app: FastAPI, owner_engine: AsyncEngine
) -> None:
    document_id = await _kept(app, owner_engine)
    answered = await _asked(reading, app, owner_engine, document_id, officer=False)
    assert (answered.status_code, answered.json()["code"]) == (403, "permission_missing")
    assert [line[:2] for line in await _lines(owner_engine)] == [("refused", "permission_missing")]
