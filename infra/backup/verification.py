"""Whether a database that came back is the bank: its books, its audit log, its rights, its files."""

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

import psycopg
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select

from infra.backup.dump import Manifest, facts_of
from infra.database import transaction
from infra.providers.store import DocumentVault, StatementVault
from models.audit_chain import Head
from models.errors import AurumError
from models.tables.audit_seals import head as audit_head
from models.tables.audit_walk import verify
from models.tables.kyc.documents import Document


class Check(BaseModel):
    """One thing that was looked at."""

    model_config = ConfigDict(frozen=True)

    holds: bool
    said: str


async def verified(
    engine: AsyncEngine,
    *,
    owner_url: str,
    anchors: Sequence[Head],
    manifest: Manifest | None,
    vaults: tuple[DocumentVault, StatementVault] | None,
) -> AsyncIterator[Check]:
    """Every check of the database behind `engine` (owner).

    `manifest`: that of the backup which was just restored, before anybody has worked in it. `vaults`: where its files
    are, if they are to be opened.
    """
    yield await _books(engine)
    async for check in _audit_log(engine, anchors):
        yield check
    if manifest is not None:
        for check in _as_it_was(owner_url, manifest):
            yield check
    if vaults is not None:
        yield await _documents(engine, vaults[0])
        yield await _statements(engine, vaults[1])


async def _books(engine: AsyncEngine) -> Check:
    async with transaction(engine) as session:
        breaches = (await session.execute(text("SELECT * FROM ledger_proof()"))).all()
        counted = (await session.execute(text("SELECT count(*) FROM postings"))).scalar_one()
    if breaches:
        return Check(holds=False, said=f"the ledger: {len(breaches)} breaches; `ledger-explain` tells them")
    return Check(holds=True, said=f"the ledger: every rule holds over {counted} postings")


async def _audit_log(engine: AsyncEngine, anchors: Iterable[Head]) -> AsyncIterator[Check]:
    async with transaction(engine) as session:
        last = await audit_head(session)
        reached = last.head.chain_seq if last else 0
        # A head that was kept after the moment of the backup is no sign of a forgery, but of what is lost.
        compared = [anchor for anchor in anchors if anchor.chain_seq <= reached]
        found = await verify(session, anchors=compared)
    lost = [anchor for anchor in anchors if anchor.chain_seq > reached]
    if found.first_break is not None:
        yield Check(holds=False, said=f"the audit log: {found.first_break.kind}, {found.first_break.detail}")
    else:
        yield Check(
            holds=True, said=f"the audit log: {found.verified} seals hold, compared with {len(compared)} kept heads"
        )
    if lost:
        yield Check(
            holds=False,
            said=f"the audit log ends at seal {reached}{_at(last.head.sealed_at if last else None)}; seals up to"
            f" {lost[-1].chain_seq} of {lost[-1].sealed_at:%Y-%m-%d %H:%M:%S} UTC were kept: what was done between is"
            " not in this database",
        )


def _at(moment: datetime | None) -> str:
    return "" if moment is None else f" of {moment:%Y-%m-%d %H:%M:%S} UTC"


def _as_it_was(owner_url: str, manifest: Manifest) -> Iterable[Check]:
    with psycopg.connect(owner_url) as connection:
        facts = facts_of(connection)
    yield Check(holds=facts["migration"] == manifest.migration, said=f"the schema: migration {facts['migration']}")
    other = sorted(
        table
        for table in manifest.rows.keys() | facts["rows"].keys()
        if manifest.rows.get(table) != facts["rows"].get(table)
    )
    yield Check(
        holds=not other,
        said=f"the rows: {sum(facts['rows'].values())} in {len(facts['rows'])} tables, as many as were saved"
        if not other
        else f"the rows: another number than was saved in {', '.join(other)}",
    )
    same = facts["rights"] == manifest.rights
    yield Check(
        holds=same,
        said="the rights: every policy, grant and trigger is in place"
        if same
        else "the rights: policies, grants or triggers are not those that were saved",
    )
    settings = facts["role_settings"] == manifest.role_settings
    yield Check(holds=settings, said=f"the roles: {'' if settings else 'NOT '}with the settings that were saved")


async def _documents(engine: AsyncEngine, vault: DocumentVault) -> Check:
    async with transaction(engine) as session:
        kept = select(Document).where(col(Document.key_sealed).is_not(None)).order_by(col(Document.id))
        documents = (await session.execute(kept)).scalars().all()
    bad = []
    for document in documents:
        try:
            async for _ in vault.content(document, unscanned=True):
                pass
        except AurumError as error:
            bad.append(f"{document.id} ({error.code})")
    return _files("documents", len(documents), bad)


async def _statements(engine: AsyncEngine, vault: StatementVault) -> Check:
    async with transaction(engine) as session:
        rows = (
            await session.execute(
                text("SELECT id, file_path, key_sealed, content_hash FROM statement_files ORDER BY id")
            )
        ).all()
    bad = []
    for row in rows:
        try:
            await vault.content(row.id, row.file_path, row.key_sealed, row.content_hash)
        except AurumError as error:
            bad.append(f"{row.id} ({error.code})")
    return _files("statements", len(rows), bad)


def _files(what: str, count: int, bad: Sequence[str]) -> Check:
    if bad:
        return Check(holds=False, said=f"the {what}: {len(bad)} of {count} files do not open: {', '.join(bad[:20])}")
    return Check(holds=True, said=f"the {what}: {count} files open and match their hashes")
