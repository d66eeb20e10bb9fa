"""How long contents of documents are kept, and which objects the store has to have."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_DUE: Final = text(
    "UPDATE kyc_documents SET key_sealed = NULL, content_destroyed_at = clock_timestamp() WHERE id IN"
    " (SELECT d.id FROM kyc_documents d JOIN users u ON u.id = d.user_id WHERE d.key_sealed IS NOT NULL"
    "   AND least(d.superseded_at, u.deleted_at) < CAST(:at AS timestamptz) - make_interval(years => :years)"
    "   ORDER BY d.id LIMIT :most FOR NO KEY UPDATE OF d) RETURNING id"
)


async def destroy_due(session: AsyncSession, *, at: datetime, years: int, most: int) -> list[UUID]:
    """Destroys the content of documents that were superseded, or whose customer left, `years` before `at`.

    So long the law asks to keep them, and no longer (Directive (EU) 2015/849, article 40). What is known of them stays:
    that there was one, its hashes, who decided. Their ids, at most `most`.
    """
    rows = await session.execute(_DUE, {"at": at, "years": years, "most": most})
    return list(rows.scalars())


@dataclass(frozen=True)
class LivingObject:
    """An object that has to be in the store: a document's whose content was not destroyed."""

    file_path: str
    document_id: UUID
    created_at: datetime


_LIVING: Final = text(
    "SELECT file_path, id AS document_id, created_at FROM kyc_documents"
    " WHERE key_sealed IS NOT NULL AND file_path > :after ORDER BY file_path LIMIT :most"
)


async def living_objects(session: AsyncSession, *, after: str, most: int) -> list[LivingObject]:
    """The next objects that have to be in the store, in the order of their names by bytes, as stores list them."""
    rows = (await session.execute(_LIVING, {"after": after, "most": most})).mappings()
    return [LivingObject(**row) for row in rows]


async def is_living(session: AsyncSession, file_path: str) -> bool:
    """Whether a document needs this object."""
    asked = text("SELECT EXISTS (SELECT FROM kyc_documents WHERE file_path = :path AND key_sealed IS NOT NULL)")
    return bool((await session.execute(asked, {"path": file_path})).scalar_one())
