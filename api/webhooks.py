"""What services of ours tell by themselves: requests that are signed, not signed in."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Header, Request, Response

from api import audit
from api.deps import Configuration
from api.errors import documented
from api.parts import work_of
from api.routing import feature, require_json
from infra import mail_events
from models.errors import NotFound
from models.tables import mail_events as table

router = feature("webhooks")

_SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
_TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"


@router.post(
    "/sendgrid",
    status_code=204,
    summary="What became of our mail",
    responses=documented(403, 404, 413, 415),
    openapi_extra={"requestBody": {"content": {"application/json": {"schema": {"type": "array"}}}}},
)
async def take_mail_events(
    config: Configuration,
    request: Request,
    signature: Annotated[str, Header(alias=_SIGNATURE, max_length=200)] = "",
    timestamp: Annotated[str, Header(alias=_TIMESTAMP, max_length=20)] = "",
) -> Response:
    """SendGrid's event webhook, signed. Each event counts once, however often it is told; unknown ones are left out."""
    if config.sendgrid_webhook_key is None:
        raise NotFound("No events are taken here")
    require_json(request)
    body = await request.body()
    mail_events.verified(
        mail_events.verification_key(config.sendgrid_webhook_key),
        body,
        signature=signature,
        timestamp=timestamp,
        at=datetime.now(UTC),
        tolerance=timedelta(seconds=config.sendgrid_webhook_seconds),
    )
    events = mail_events.read(body)
    # Not before: who has not signed gets no connection to the database.
    new = await table.take(await work_of(request).opened(), events)
    audit.note(request, "mail_events", new={"told": len(events), "new": new})
    return Response(status_code=204)
