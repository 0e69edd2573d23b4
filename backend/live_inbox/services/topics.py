"""Topics: what users are subscribed to, so that a campaign can be sent to all of them.

A topic has the form of a type, and exists as soon as somebody is subscribed to it.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import QuerySet

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.content import clean_type
from live_inbox.errors import Forbidden, InvalidInput
from live_inbox.models import TopicSubscription


def clean_topic(value: object) -> str:
    """Return a topic; raise InvalidInput for what has not the form of one."""
    try:
        return clean_type(value, field="topic")
    except InvalidInput:
        raise InvalidInput(
            "A topic consists of letters, digits, '-', '_' and '.', begins with a letter or digit, and has 64"
            " characters at most.",
            field="topic",
        ) from None


def check_open(topic: str) -> None:
    """Raise Forbidden unless users may subscribe to the topic by themselves: the setting OPEN_TOPICS."""
    for open in inbox_settings().open_topics:
        if topic == open or (open.endswith(".*") and topic.startswith(open[:-1])):
            return
    raise Forbidden("You may not subscribe to this topic.")


def subscribe(*, user_id: Any, topic: object) -> bool:
    """Subscribe a user to a topic; return whether they were not subscribed before.

    Raises InvalidInput for what is no topic, and for more than MAX_TOPICS.
    """
    return _subscribe(user_id, clean_topic(topic))


@database.transactional
def _subscribe(user_id: Any, topic: str) -> bool:
    # Calls at once for one user wait for each other: together they could otherwise go beyond the quota.
    users = database.queryset(get_user_model()).select_for_update(no_key=True)
    users.filter(pk=user_id).values_list("pk", flat=True).first()
    own = topics_of(user_id)
    if topic in own:
        return False
    most = inbox_settings().max_topics
    if len(own) >= most:
        raise InvalidInput(f"You may be subscribed to {most} topics at most.", field="topic")
    database.queryset(TopicSubscription).create(user_id=user_id, topic=topic)
    return True


@database.transactional
def unsubscribe(*, user_id: Any, topic: object) -> bool:
    """Unsubscribe a user from a topic; return whether they were subscribed. Raises InvalidInput for no topic."""
    cleaned = clean_topic(topic)
    rows = database.queryset(TopicSubscription).filter(user=user_id, topic=cleaned)
    deleted, _ = rows.delete()
    return bool(deleted)


@database.reading
def topics_of(user_id: Any) -> list[str]:
    """Return the topics that a user is subscribed to, sorted."""
    rows = database.queryset(TopicSubscription).filter(user=user_id)
    return sorted(rows.values_list("topic", flat=True))


def subscribers(topic: str) -> QuerySet[Any]:
    """Return the users who are subscribed to a topic."""
    subscribed = database.queryset(TopicSubscription).filter(topic=topic)
    return database.queryset(get_user_model()).filter(pk__in=subscribed.values("user"))
