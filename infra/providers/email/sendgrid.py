"""SendGrid's v3 API, by its own package, which is synchronous and runs in a thread.

It has no idempotency key: a message that it was given twice leaves twice. So this provider says exactly what is known.
202 is the only answer that means "taken". Any other complete answer, and a connection that could not be made or broke
while the request was written, mean that it was not taken. A connection that ends or falls silent after that leaves it
open, and the caller decides (`activities.notifications`).

Links are not rewritten and openings not tracked: the links are secrets, and what somebody reads is their own affair.
"""

import asyncio
import logging
from email.utils import parseaddr
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Final
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import orjson
import structlog
from python_http_client.client import Client
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import (
    BypassBounceManagement,
    BypassSpamManagement,
    BypassUnsubscribeManagement,
    Category,
    ClickTracking,
    CustomArg,
    From,
    Header,
    HtmlContent,
    Mail,
    MailSettings,
    OpenTracking,
    PlainTextContent,
    SubscriptionTracking,
    To,
    TrackingSettings,
)

from infra.providers.email.message import Email, MailOutcomeUnknown, MailRefused
from infra.providers.email.rendering import rendered
from models.errors import Unavailable

log = structlog.get_logger(__name__)

PATIENCE_SECONDS: Final = 20.0
# These say something of our key, our account or our address of theirs, and nothing of the message: it waits until
# somebody has mended that.
_OURS_TO_MEND: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.PAYMENT_REQUIRED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
    }
)


class _Staying(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Goes nowhere: whoever is pointed at would be given our key, and might say 202 to it."""


class _Door(Client):  # type: ignore[misc] # the package has no types
    def _make_request(self, _: Any, request: Request, timeout: float | None = None) -> Any:
        return super()._make_request(build_opener(_Staying), request, timeout)


class SendGridEmail:
    """Sends by SendGrid."""

    repeatable: Final = False

    def __init__(
        self, key: str, *, sender: str, url: str, own_list: bool = False, patience: float = PATIENCE_SECONDS
    ) -> None:
        """`sender` as in a From line; `patience` in seconds, for the connection and for each wait of it.

        `own_list`: we hear of bounces and spam reports ourselves and write to such addresses no more
        (`models.tables.mail_events`), so SendGrid's own lists, which know of no lifting, are passed.
        """
        self._own_list = own_list
        # At DEBUG it logs its headers, the key among them, and the message.
        logging.getLogger("python_http_client").setLevel(logging.INFO)
        self._name, self._address = parseaddr(sender)
        known = SendGridAPIClient(key, host=url.rstrip("/")).client
        self._door = _Door(known.host, known.request_headers, version=3, url_path=["mail", "send"], timeout=patience)

    async def send(self, email: Email) -> None:
        """Hands the message over. Raises as `EmailProvider` says."""
        await asyncio.to_thread(self._post, self._message(email))

    def _message(self, email: Email) -> dict[str, Any]:
        text, html = rendered(email)
        mail = Mail(
            from_email=From(self._address, self._name or None),
            to_emails=To(email.to),
            subject=email.subject,
            plain_text_content=PlainTextContent(text),
            html_content=HtmlContent(html),
        )
        mail.category = Category(email.event)
        mail.custom_arg = CustomArg("notification", email.key)
        # The same for a message that is sent again, so that mail programs which fold such show it once.
        mail.header = Header("Message-ID", f"<{email.key}@{self._address.rpartition('@')[2]}>")
        mail.tracking_settings = TrackingSettings(
            click_tracking=ClickTracking(enable=False, enable_text=False),
            open_tracking=OpenTracking(enable=False),
            subscription_tracking=SubscriptionTracking(enable=False),
        )
        # Nobody unsubscribes from what the bank has to tell.
        settings = MailSettings(bypass_unsubscribe_management=BypassUnsubscribeManagement(enable=True))
        if self._own_list:
            settings.bypass_bounce_management = BypassBounceManagement(enable=True)
            settings.bypass_spam_management = BypassSpamManagement(enable=True)
        mail.mail_settings = settings
        message: dict[str, Any] = mail.get()
        return message

    def _post(self, message: dict[str, Any]) -> None:
        try:
            status = self._door.post(request_body=message).status_code
        except HTTPError as error:
            raise _meaning(error.status_code, error.body) from None
        except URLError as error:
            raise Unavailable(f"SendGrid cannot be reached: {type(error.reason).__name__}") from None
        except (OSError, HTTPException) as error:
            raise MailOutcomeUnknown(f"SendGrid gave no answer: {type(error).__name__}") from None
        if status != HTTPStatus.ACCEPTED:
            raise _meaning(status, b"")


def _meaning(status: int, body: bytes) -> Unavailable | MailRefused:
    if status in _OURS_TO_MEND or not HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("sendgrid.not_taken", status=status)
        return Unavailable(f"SendGrid answers {status}")
    return MailRefused(f"SendGrid refuses the message: {status} {', '.join(_fields(body))}".rstrip())


def _fields(body: bytes) -> list[str]:
    # Which part is wrong, and not the sentence, which repeats it.
    try:
        return [str(one["field"])[:80] for one in orjson.loads(body)["errors"] if one.get("field")][:5]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return []
