"""Where somebody is signed in: the list of their sessions, and ending one of them (contract §3)."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api import audit
from api.deps import Configuration, CurrentUser, Db
from api.errors import documented
from api.pages import Page, PageQuery, page_of
from api.routing import feature
from api.sessions import SignedOut, Success
from api.step_up import require_fresh
from models.errors import NotFound
from models.tables.auth import end_sessions
from models.tables.sessions import SessionRow, open_sessions

router: APIRouter = feature("auth")


class SessionView(BaseModel):
    """One session. `current` is the one that asks."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime = Field(description="When its tokens were renewed last.")
    ip_address: str | None = Field(examples=["198.51.100.7"])
    user_agent: str | None = Field(examples=["Mozilla/5.0"])
    signed_in_by: list[str] = Field(description="RFC 8176, and `recovery`", examples=[["pwd", "otp"]])
    current: bool


@router.get("/sessions", summary="Where you are signed in", responses=documented(401))
async def list_sessions(wanted: PageQuery, caller: CurrentUser, config: Configuration, db: Db) -> Page[SessionView]:
    """Your sessions that can still be used, newest first."""

    def view(row: SessionRow) -> SessionView:
        return SessionView(
            **row.model_dump(include={"id", "created_at", "last_seen_at", "ip_address", "user_agent"}),
            signed_in_by=row.amr,
            current=row.id == caller.session_id,
        )

    chosen = open_sessions(caller.id, caller.session_id, idle_seconds=config.refresh_token_seconds)
    return await page_of(db, chosen, SessionRow.id, wanted, view)


@router.delete("/sessions/{session_id}", summary="End one of your sessions", responses=documented(401, 403, 404))
async def end_session(session_id: UUID, caller: CurrentUser, db: Db, request: Request) -> Success[SignedOut]:
    """Ends it at once: its tokens are refused from now on. For another session than this one a fresh proof is needed
    (OWASP ASVS 5.0, 7.5.2)."""
    audit.note(request, "session", session_id)
    if session_id != caller.session_id:
        await require_fresh(request, db, caller)
    ended = await end_sessions(db, caller.id, reason="ended_by_owner", only=session_id)
    if not ended:
        raise NotFound("You have no such session")
    return Success(data=SignedOut(sessions_ended=ended))
