"""What becomes of a notification: sent once, refused for good, tried again, or left to a person."""

import ast
import asyncio
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine
from temporalio.testing import ActivityEnvironment

from activities.notifications import NotificationSteps
from infra.crypto import FieldContext, Keyring
from infra.database import transaction
from infra.providers.email import EmailProvider, FolderEmail, MailRefused, SendGridEmail
from infra.settings import Settings
from models.errors import Unavailable, WrongState
from models.notifications import HIDDEN, SECURITY_EVENTS, NotificationStep
from models.tables.notifications import tell
from tests.factories.sendgrid import KEY, Answers, sendgrid
from tests.factories.users import add_customer

SECRET = "q1w2E3r4t5Y6u7I8o9P0a1S2d3F4g5H6j7K8l9Z0x_-"


@pytest.fixture
def keyring() -> Keyring:
    settings = Settings()
    return Keyring.of(settings.field_keys, settings.field_key_id)


@pytest.fixture
def door() -> Iterator[Answers]:
    """SendGrid, played."""
    with sendgrid() as answers:
        yield answers


def _mailer(door: Answers) -> SendGridEmail:
    return SendGridEmail(KEY, sender="Aurum <no-reply@aurum.example>", url=door.url, patience=0.5)


async def _told(owner: AsyncEngine, keyring: Keyring, event: str) -> NotificationStep:
    person = await add_customer(owner)

    def seal(row: UUID) -> bytes:
        return keyring.seal(SECRET.encode(), FieldContext("notifications", "secret_sealed", row))

    async with transaction(owner) as session:
        await tell(session, user_id=person.id, key="once", event=event, subject="News", body=f"{HIDDEN}\n", seal=seal)
    return NotificationStep(notification_id=(await _row(owner))["id"], at=datetime.now(UTC))


async def _row(owner: AsyncEngine) -> dict[str, Any]:
    async with transaction(owner) as session:
        return dict((await session.execute(text("SELECT * FROM notifications"))).mappings().one())


def _steps(worker: AsyncEngine, email: EmailProvider, keyring: Keyring) -> NotificationSteps:
    return NotificationSteps(worker, email, keyring)


async def test_it_is_sent_once_and_its_secret_is_gone(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, keyring: Keyring, door: Answers
) -> None:
    start = await _told(owner_engine, keyring, "verify_email")
    steps = _steps(worker_engine, _mailer(door), keyring)
    assert [await steps.send(start) for _ in range(3)] == [True, False, False]
    (asked,) = door.asked
    assert SECRET in asked.body["content"][0]["value"]
    assert asked.body["custom_args"] == {"notification": str(start.notification_id)}
    row = await _row(owner_engine)
    assert (row["status"], row["tries"], row["secret_sealed"]) == ("sent", 1, None)
    assert row["sent_at"] is not None


async def test_it_says_that_it_lives_while_who_delivers_mail_takes_time(
    owner_engine: AsyncEngine,
    worker_engine: AsyncEngine,
    keyring: Keyring,
    door: Answers,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("activities.heartbeats.EVERY_SECONDS", 0.02)
    start = await _told(owner_engine, keyring, "wire.completed")
    mailer = SendGridEmail(KEY, sender="Aurum <no-reply@aurum.example>", url=door.url, patience=20)
    door.silence = threading.Event()
    worker, beats = ActivityEnvironment(), 0

    def beaten(*_: Any) -> None:
        nonlocal beats
        beats += 1
        # The second one comes while the answer is waited for.
        if beats > 1 and door.asked and door.silence is not None:
            door.silence.set()

    worker.on_heartbeat = beaten
    assert await worker.run(_steps(worker_engine, mailer, keyring).send, start) is True
    assert beats > 1
    assert len(door.asked) == 1


async def test_a_refused_message_is_failed_and_never_tried_again(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, keyring: Keyring, door: Answers
) -> None:
    start = await _told(owner_engine, keyring, "verify_email")
    steps = _steps(worker_engine, _mailer(door), keyring)
    door.plan = [(400, {"errors": [{"field": "personalizations.0.to.0.email"}]})]
    for _ in range(3):
        with pytest.raises(MailRefused, match=r"400 personalizations\.0\.to\.0\.email"):
            await steps.send(start)
    assert len(door.asked) == 1
    row = await _row(owner_engine)
    assert (row["status"], row["sent_at"], row["secret_sealed"]) == ("failed", None, None)


@pytest.mark.parametrize("event", ["verify_email", "wire.completed"])
async def test_what_was_not_taken_is_tried_until_it_is(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, keyring: Keyring, door: Answers, event: str
) -> None:
    start = await _told(owner_engine, keyring, event)
    steps = _steps(worker_engine, _mailer(door), keyring)
    answers = (429, 503, 500, 401)
    door.plan = [(answer, None) for answer in answers]
    for answer in answers:
        with pytest.raises(Unavailable):
            await steps.send(start)
        row = await _row(owner_engine)
        # Operations see why it waits.
        assert (row["status"], row["reason"]) == ("waiting", f"SendGrid answers {answer}")
    assert await steps.send(start)
    row = await _row(owner_engine)
    assert (row["status"], row["reason"], row["tries"], row["doubts"]) == ("sent", "", 5, 0)


async def test_a_lost_answer_about_sign_in_is_one_more_message_and_no_third(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, keyring: Keyring, door: Answers
) -> None:
    start = await _told(owner_engine, keyring, "password_reset")
    steps = _steps(worker_engine, _mailer(door), keyring)
    door.plan = [None]
    with pytest.raises(Unavailable):
        await steps.send(start)
    assert (await _row(owner_engine))["status"] == "sending"
    assert await steps.send(start)
    assert len(door.asked) == 2
    assert len({asked.body["headers"]["Message-ID"] for asked in door.asked}) == 1
    row = await _row(owner_engine)
    assert (row["status"], row["doubts"]) == ("sent", 1)


async def test_two_lost_answers_are_left_to_a_person(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, keyring: Keyring, door: Answers
) -> None:
    start = await _told(owner_engine, keyring, "password_reset")
    steps = _steps(worker_engine, _mailer(door), keyring)
    door.plan = [None, None]
    for _ in range(2):
        with pytest.raises(Unavailable):
            await steps.send(start)
    for _ in range(3):
        with pytest.raises(WrongState):
            await steps.send(start)
    assert len(door.asked) == 2
    assert (await _row(owner_engine))["status"] == "uncertain"


async def test_a_lost_answer_about_money_is_left_to_a_person_at_once(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, keyring: Keyring, door: Answers
) -> None:
    start = await _told(owner_engine, keyring, "wire.completed")
    steps = _steps(worker_engine, _mailer(door), keyring)
    door.silence = threading.Event()
    with pytest.raises(Unavailable):
        await steps.send(start)
    door.silence.set()
    for _ in range(2):
        with pytest.raises(WrongState):
            await steps.send(start)
    assert len(door.asked) == 1
    assert (await _row(owner_engine))["status"] == "uncertain"


async def test_a_folder_tells_keys_apart_and_is_simply_asked_again(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, keyring: Keyring, tmp_path: Path
) -> None:
    start = await _told(owner_engine, keyring, "wire.completed")
    async with transaction(owner_engine) as session:
        await session.execute(text("UPDATE notifications SET status = 'sending', tries = 4"))
    assert await _steps(worker_engine, FolderEmail(tmp_path, "Aurum <no-reply@aurum.example>"), keyring).send(start)
    assert [file.suffix for file in await asyncio.to_thread(lambda: list(tmp_path.iterdir()))] == [".eml"]
    row = await _row(owner_engine)
    assert (row["status"], row["doubts"]) == ("sent", 0)


@pytest.mark.parametrize(
    ("event", "reason", "ends"),
    [
        ("wire.completed", "bounce", "failed"),
        ("wire.completed", "spam_report", "failed"),
        ("price_alert", "bounce", "undeliverable"),
        ("price_alert", "unsubscribe", "unwanted"),
        ("wire.completed", "unsubscribe", "sent"),
        # Whoever asks for it may well read the address again, and proves that by using it.
        ("password_reset", "bounce", "sent"),
    ],
)
async def test_an_address_that_takes_no_mail_gets_none(
    owner_engine: AsyncEngine,
    worker_engine: AsyncEngine,
    keyring: Keyring,
    door: Answers,
    event: str,
    reason: str,
    ends: str,
) -> None:
    start = await _told(owner_engine, keyring, event)
    async with transaction(owner_engine) as session:
        await session.execute(
            text("INSERT INTO mail_suppressions (address, reason) SELECT lower(email), :reason FROM users"),
            {"reason": reason},
        )
    steps = _steps(worker_engine, _mailer(door), keyring)
    for _ in range(2):
        with pytest.raises(MailRefused, match="gets no mail") if ends == "failed" else nullcontext():
            await steps.send(start)
    assert len(door.asked) == (ends == "sent")
    assert (await _row(owner_engine))["status"] == ends


async def test_a_bounce_that_is_told_before_the_answer_counts(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, keyring: Keyring, door: Answers
) -> None:
    start = await _told(owner_engine, keyring, "wire.completed")
    door.silence = threading.Event()
    mailer = SendGridEmail(KEY, sender="Aurum <no-reply@aurum.example>", url=door.url, patience=20)
    sending = asyncio.create_task(_steps(worker_engine, mailer, keyring).send(start))
    while not door.asked:  # noqa: ASYNC110 # another thread says so
        await asyncio.sleep(0.01)
    async with transaction(owner_engine) as session:
        await session.execute(
            text("SELECT take_mail_event('e', :id, 'bounce', 'a@people.example', '550', now(), 'bounce', true)"),
            {"id": start.notification_id},
        )
    door.silence.set()
    await sending
    row = await _row(owner_engine)
    assert (row["status"], row["reason"], row["sent_at"]) == ("failed", "550", None)


async def test_a_step_of_before_quiet_hours_is_sent_at_once(
    owner_engine: AsyncEngine, worker_engine: AsyncEngine, keyring: Keyring, door: Answers
) -> None:
    start = await _told(owner_engine, keyring, "price_alert")
    async with transaction(owner_engine) as session:
        await session.execute(
            text(
                "INSERT INTO notification_choices (user_id, topic, in_app, email)"
                " SELECT user_id, 'price_alerts', true, 'off' FROM notifications"
            )
        )
    old = NotificationStep(notification_id=start.notification_id)
    assert await _steps(worker_engine, _mailer(door), keyring).send(old) is True


def test_every_message_about_sign_in_is_known_as_one() -> None:
    told = {
        call.args[3].value
        for path in (Path(__file__).parents[2] / "api").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "notify"
        and len(call.args) > 3
        and isinstance(call.args[3], ast.Constant)
    }
    assert told <= SECURITY_EVENTS, f"add to models.notifications.SECURITY_EVENTS: {told - SECURITY_EVENTS}"
