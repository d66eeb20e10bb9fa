"""How a customer wants to be told, by HTTP: quiet hours, digests, and what they choose about each topic."""

from dataclasses import replace
from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api import audit
from api.deps import CurrentUser, Db
from api.errors import documented
from api.routing import feature
from models.errors import Malformed
from models.notifications import BY_NAME, TOPICS, EmailChoice, NotificationRequired, Topic
from models.quiet_hours import DigestRhythm, QuietHours, zone
from models.tables import notification_wishes
from models.tables.notification_wishes import Choice, Wishes

router = feature("notifications", prefix="/notifications/preferences")

TopicName = Annotated[str, StringConstraints(min_length=1, max_length=40)]


class TopicView(BaseModel):
    """A topic, what was chosen about it, and what can be."""

    topic: str = Field(examples=["price_alerts"])
    title: str = Field(examples=["Alerts on prices"])
    in_app: bool
    email: EmailChoice
    email_choices: list[EmailChoice]
    required: bool = Field(description="It cannot be switched off.")
    urgent: bool = Field(description="It does not wait for the end of quiet hours.")


class PreferencesView(BaseModel):
    """How the caller wants to be told."""

    time_zone: str = Field(examples=["Europe/Amsterdam"])
    quiet_hours: QuietHours | None
    digest: DigestRhythm
    topics: list[TopicView]


class TopicChange(BaseModel):
    """What is to be different about a topic."""

    model_config = ConfigDict(extra="forbid")

    topic: TopicName = Field(examples=["price_alerts"])
    in_app: bool | None = None
    email: EmailChoice | None = None


class PreferencesChange(BaseModel):
    """What is to be different. `quiet_hours` null: there are none."""

    model_config = ConfigDict(extra="forbid")

    time_zone: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = Field(
        default=None, examples=["Europe/Amsterdam"]
    )
    quiet_hours: QuietHours | None = None
    digest: DigestRhythm | None = None
    topics: Annotated[list[TopicChange], Field(max_length=len(TOPICS))] = []


def _view(wishes: Wishes) -> PreferencesView:
    return PreferencesView(
        time_zone=wishes.time_zone,
        quiet_hours=wishes.quiet,
        digest=wishes.digest,
        topics=[
            TopicView(
                topic=one.name,
                title=one.title,
                in_app=wishes.shows(one),
                email=wishes.email_of(one),
                email_choices=list(one.email),
                required=one.required,
                urgent=one.urgent,
            )
            for one in TOPICS
        ],
    )


def _chosen(wishes: Wishes, change: TopicChange) -> tuple[Topic, Choice]:
    topic = BY_NAME.get(change.topic)
    if topic is None:
        raise Malformed(f"There is no topic {change.topic}")
    if topic.required and (change.in_app is False or change.email is EmailChoice.OFF):
        raise NotificationRequired(f"The bank has to tell you of this: {topic.title}")
    if change.email is not None and change.email not in topic.email:
        raise NotificationRequired(f"This cannot wait for a digest: {topic.title}")
    return topic, Choice(
        in_app=wishes.shows(topic) if change.in_app is None else change.in_app,
        email=wishes.email_of(topic) if change.email is None else change.email,
    )


@router.get("", summary="How you want to be told", responses=documented(401))
async def read_preferences(caller: CurrentUser, db: Db) -> PreferencesView:
    """Your choices, and what can be chosen."""
    return _view(await notification_wishes.of_customer(db, caller.id))


@router.put("", summary="Change how you want to be told", responses=documented(400, 401))
async def change_preferences(
    change: PreferencesChange, caller: CurrentUser, db: Db, request: Request
) -> PreferencesView:
    """Changes what is named and leaves the rest. It holds for what waits for the end of quiet hours, too."""
    audit.note(request, "notification_preferences", caller.id, new=change.model_dump(mode="json", exclude_unset=True))
    wishes = await notification_wishes.of_customer(db, caller.id)
    if change.time_zone is not None:
        wishes = replace(wishes, time_zone=zone(change.time_zone).key)
    if "quiet_hours" in change.model_fields_set:
        wishes = replace(wishes, quiet=change.quiet_hours)
    if change.digest is not None:
        wishes = replace(wishes, digest=change.digest)
    for one in change.topics:
        topic, choice = _chosen(wishes, one)
        wishes = replace(wishes, choices={**wishes.choices, topic.name: choice})
    await notification_wishes.keep(db, caller.id, wishes)
    return _view(wishes)
