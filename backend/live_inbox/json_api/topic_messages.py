"""The messages about the topics that the user is subscribed to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

from live_inbox.json_api.failures import ErrorBody

# -- client → server -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GetTopics:
    """Client → server: `get_topics` requests the topics of the user. Not in the guide."""


@dataclass(frozen=True, slots=True)
class SubscribeToTopic:
    """Client → server: `subscribe_to_topic` subscribes the user to a topic. Not in the guide."""

    topic: str


@dataclass(frozen=True, slots=True)
class UnsubscribeFromTopic:
    """Client → server: `unsubscribe_from_topic` unsubscribes the user from a topic. Not in the guide."""

    topic: str


# -- server → client -------------------------------------------------------------------------------


class TopicsList(TypedDict):
    """Server → client: the answer to `get_topics`, sorted."""

    type: Literal["topics_list"]
    topics: list[str]


TopicAnswer = Literal["topic_subscribed", "topic_unsubscribed"]


class TopicChanged(TypedDict):
    """Server → client: the answer to `subscribe_to_topic` and `unsubscribe_from_topic`.

    `changed` is whether that was not so before, and `topics` what the user is subscribed to now.
    """

    type: TopicAnswer
    success: bool
    changed: NotRequired[bool]
    topics: NotRequired[list[str]]
    error: NotRequired[ErrorBody]


def topics_list(topics: Sequence[str]) -> TopicsList:
    """Return the reply to `get_topics`."""
    return {"type": "topics_list", "topics": [*topics]}


def topic_changed(name: TopicAnswer, topics: Sequence[str], *, changed: bool) -> TopicChanged:
    """Return the reply to `subscribe_to_topic` or `unsubscribe_from_topic`."""
    return {"type": name, "success": True, "changed": changed, "topics": [*topics]}
