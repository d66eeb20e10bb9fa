"""E-mail: how a message looks, the exact request to SendGrid, and what each of its answers means."""

import logging
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.providers.email import Email, FolderEmail, MailOutcomeUnknown, MailRefused, SendGridEmail
from infra.providers.email.rendering import pieces, rendered
from infra.settings import EmailKind, Settings
from models.errors import Unavailable
from models.notifications import SECURITY_EVENTS
from tests.factories.sendgrid import KEY, Answers, sendgrid

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
CODE = "q1w2E3r4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8l9Z0x_-"
LINK = f"https://bank.aurum.example/api/v1/auth/verify-email?token={CODE}"
BODY = (
    f"Welcome to Aurum.\n\nConfirm it:\n\n{LINK}\n\nOr enter this code:\n\n{CODE}\n\n"
    "  a phone\n  192.0.2.1\n\nThe end.\n"
)


def _email(**changed: Any) -> Email:
    return Email.model_validate(
        {
            "key": "019a1b2c-3d4e-7f60-8192-a3b4c5d6e7f8",
            "event": "verify_email",
            "to": "mira@people.example",
            "subject": "Confirm your e-mail address",
            "body": BODY,
            "at": AT,
            **changed,
        }
    )


@pytest.fixture
def door() -> Iterator[Answers]:
    """SendGrid, played."""
    with sendgrid() as answers:
        yield answers


def _sender(door: Answers, **options: Any) -> SendGridEmail:
    return SendGridEmail(KEY, sender="Aurum <no-reply@aurum.example>", url=door.url, **options)


def test_a_letter_is_taken_apart_by_its_paragraphs() -> None:
    assert [(piece.kind, piece.text) for piece in pieces(BODY)] == [
        ("text", "Welcome to Aurum."),
        ("text", "Confirm it:"),
        ("link", LINK),
        ("text", "Or enter this code:"),
        ("code", CODE),
        ("lines", "a phone\n192.0.2.1"),
        ("text", "The end."),
    ]


@pytest.mark.parametrize(
    ("event", "kind", "action"),
    [
        ("verify_email", "Your registration", "Confirm this address"),
        ("already_registered", "Security notice", "Open"),
        ("password_reset", "Security notice", "Set a new password"),
        ("new_device", "Security notice", "Open"),
        ("wire.completed", "Your wires", "See the wire"),
        ("wire.returned", "Your wires", "See the wire"),
        ("something_new", "Notice", "Open"),
    ],
)
def test_each_event_has_its_frame_and_the_same_words(event: str, kind: str, action: str) -> None:
    text, html = rendered(_email(event=event))
    assert text.startswith(BODY.strip())
    assert kind in html
    assert f">{action}</a>" in html
    for words in ("Welcome to Aurum.", "The end.", CODE, "019a1b2c"):
        assert words in text
        assert words in html


def test_a_message_loads_nothing_and_links_nowhere_else() -> None:
    for event in [*SECURITY_EVENTS, "wire.completed"]:
        _, html = rendered(_email(event=event))
        assert re.findall(r"""(?:src|srcset|background|@import|url)\s*[=(]""", html) == []
        assert set(re.findall(r'href="([^"]*)"', html)) == {LINK}


@given(st.text(max_size=80), st.text(max_size=200))
def test_what_somebody_wrote_stays_text(subject: str, words: str) -> None:
    _, html = rendered(_email(subject=f"<{subject}>", body=f'<script>{words}</script>\n\nhttps://x.example/"onclick=1'))
    assert "<script" not in html
    assert re.findall(r"<a [^>]*onclick", html) == []


async def test_a_folder_holds_one_readable_file_for_each_key(tmp_path: Path) -> None:
    folder = FolderEmail(tmp_path / "mail", "Aurum <no-reply@aurum.example>")
    for _ in range(2):
        await folder.send(_email())
    (file,) = (tmp_path / "mail").iterdir()
    assert LINK in file.read_text(encoding="utf-8")
    message = message_from_bytes(file.read_bytes(), policy=policy.default)
    assert (message["To"], message["Subject"]) == ("mira@people.example", "Confirm your e-mail address")
    assert message["Message-ID"] == "<019a1b2c-3d4e-7f60-8192-a3b4c5d6e7f8@aurum.example>"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


async def test_a_folder_that_cannot_be_written_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file where a folder should be")
    with pytest.raises(Unavailable):
        await FolderEmail(tmp_path / "mail", "Aurum <no-reply@aurum.example>").send(_email())


async def test_sendgrid_is_asked_exactly_this(door: Answers) -> None:
    await _sender(door).send(_email())
    (asked,) = door.asked
    assert (asked.method, asked.path) == ("POST", "/v3/mail/send")
    assert asked.headers["Authorization"] == f"Bearer {KEY}"
    assert asked.headers["Content-Type"] == "application/json"
    text, html = rendered(_email())
    assert asked.body == {
        "personalizations": [{"to": [{"email": "mira@people.example"}]}],
        "from": {"email": "no-reply@aurum.example", "name": "Aurum"},
        "subject": "Confirm your e-mail address",
        "content": [{"type": "text/plain", "value": text}, {"type": "text/html", "value": html}],
        "categories": ["verify_email"],
        "custom_args": {"notification": "019a1b2c-3d4e-7f60-8192-a3b4c5d6e7f8"},
        "headers": {"Message-ID": "<019a1b2c-3d4e-7f60-8192-a3b4c5d6e7f8@aurum.example>"},
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False},
            "subscription_tracking": {"enable": False},
        },
        "mail_settings": {"bypass_unsubscribe_management": {"enable": True}},
    }


async def test_where_we_hear_of_bounces_our_own_list_counts_and_not_sendgrids(door: Answers) -> None:
    await _sender(door, own_list=True).send(_email())
    (asked,) = door.asked
    assert asked.body["mail_settings"] == {
        "bypass_unsubscribe_management": {"enable": True},
        "bypass_bounce_management": {"enable": True},
        "bypass_spam_management": {"enable": True},
    }


@pytest.mark.parametrize("status", [200, 301, 302, 401, 402, 403, 404, 405, 408, 429, 500, 502, 503, 504])
async def test_an_answer_that_says_nothing_of_the_message_is_worth_another_try(door: Answers, status: int) -> None:
    door.plan = [(status, {"errors": [{"message": "no", "field": None}]})]
    with pytest.raises(Unavailable) as refused:
        await _sender(door).send(_email())
    assert not isinstance(refused.value, MailOutcomeUnknown)
    assert KEY not in str(refused.value)


async def test_a_redirection_is_not_followed_with_the_key(door: Answers) -> None:
    door.headers = {"Location": f"{door.url}/elsewhere"}
    door.plan = [(302, None)]
    with pytest.raises(Unavailable):
        await _sender(door).send(_email())
    assert [asked.path for asked in door.asked] == ["/v3/mail/send"]


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_message_that_is_refused_is_refused_for_good_and_its_reader_not_named(
    door: Answers, status: int
) -> None:
    field = "personalizations.0.to.0.email"
    door.plan = [(status, {"errors": [{"message": "mira@people.example is not an address", "field": field}]})]
    with pytest.raises(MailRefused) as refused:
        await _sender(door).send(_email())
    assert str(refused.value) == f"SendGrid refuses the message: {status} {field}"


@pytest.mark.parametrize("body", [None, [], {"errors": None}, {"errors": [None]}, {"errors": [{}]}])
async def test_a_refusal_without_a_reason_is_one_too(door: Answers, body: Any) -> None:
    door.plan = [(400, body)]
    with pytest.raises(MailRefused):
        await _sender(door).send(_email())


async def test_no_answer_leaves_it_open(door: Answers) -> None:
    door.plan = [None]
    with pytest.raises(MailOutcomeUnknown):
        await _sender(door).send(_email())


async def test_silence_leaves_it_open(door: Answers) -> None:
    door.silence = threading.Event()
    with pytest.raises(MailOutcomeUnknown):
        await _sender(door, patience=0.2).send(_email())
    assert len(door.asked) == 1


async def test_where_nobody_listens_nothing_left(door: Answers) -> None:
    with pytest.raises(Unavailable) as refused:
        await SendGridEmail(KEY, sender="no-reply@aurum.example", url="http://127.0.0.1:9").send(_email())
    assert not isinstance(refused.value, MailOutcomeUnknown)


async def test_neither_key_nor_message_is_logged(door: Answers, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await _sender(door).send(_email())
    assert KEY not in caplog.text
    assert CODE not in caplog.text


def test_sendgrid_needs_a_key() -> None:
    with pytest.raises(ValueError, match="AURUM_SENDGRID_API_KEY"):
        Settings(email_provider=EmailKind.SENDGRID)
