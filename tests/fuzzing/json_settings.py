"""What a client wants of each type of notification, and its topics, by messages of the JSON API; and a model of it."""

from __future__ import annotations

import re
from random import Random
from typing import Any

from tests.fuzzing.soundness import Unsound

TOPIC_CHANGES = ("subscribe_to_topic", "unsubscribe_from_topic")
SETTINGS = ("get_types", "get_preferences", "set_preference", "get_topics", *TOPIC_CHANGES)
OPEN_TOPICS = ("news", "product.*")
"""Topics to which the site lets users subscribe."""
TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
IN_APP = "in_app"

Json = dict[str, Any]
Pairs = list[tuple[str, str]]


def setting_pairs(random: Random, action: str) -> Pairs:
    """Return the keys of a message, beside its type."""
    if action in TOPIC_CHANGES:
        return [("topic", random.choice(('"news"', '"product.7"', '"product.8"', '"closed"')))]
    if action != "set_preference":
        return []
    pairs = [("notification_type", random.choice(('"approval"', '"news"', '"mark_read"')))]
    # On more often than off: what is off does not arrive.
    pairs.append(("enabled", random.choice(("true", "true", "false"))))
    if random.random() < 0.3:
        pairs.append(("channel", random.choice(("null", '"in_app"'))))
    return pairs


def wrong_setting(action: str, fields: Json) -> list[str]:
    """Return the keys whose values cannot be right."""
    if action in TOPIC_CHANGES:
        return [] if _is_type(fields.get("topic")) else ["topic"]
    if action != "set_preference":
        return []
    wrong = [] if isinstance(fields.get("enabled"), bool) else ["enabled"]
    if not _is_type(fields.get("notification_type")):
        wrong.append("notification_type")
    if fields.get("channel") not in (None, IN_APP):
        wrong.append("channel")
    return wrong


def _is_type(value: object) -> bool:
    return isinstance(value, str) and TYPE.fullmatch(value) is not None


class Settings:
    """What the user has turned on or off, and their topics.

    The site declares no types and no other channels than the inbox.
    """

    def __init__(self, preferences: Json, topics: Json) -> None:
        """`preferences` is the answer to `get_preferences`, and `topics` that to `get_topics`."""
        self.topics: set[str] = set(topics["topics"])
        self.enabled: dict[str, bool] = {
            each["type"]: each["enabled"] for each in preferences["preferences"]
        }

    def take(self, action: str, fields: Json, message: Json, *, is_done: bool) -> None:
        """Take the answer to a message. Raises Unsound."""
        topic = fields.get("topic")
        if action == "subscribe_to_topic" and not wrong_setting(action, fields):
            is_open = topic == "news" or str(topic).startswith("product.")
            if is_done is not is_open:
                raise Unsound(f"{message} for {fields}")
            if not is_open:
                return
        if not is_done:
            if not wrong_setting(action, fields):
                raise Unsound(f"{message} for {fields}")
            return
        match action:
            case "get_types":
                expected: Any = {"types": [], "channels": [{"channel": IN_APP, "label": IN_APP}]}
            case "get_preferences":
                shown = [_shown(type, on) for type, on in sorted(self.enabled.items())]
                expected = {"preferences": shown}
            case "get_topics":
                expected = {"topics": sorted(self.topics)}
            case "subscribe_to_topic" | "unsubscribe_from_topic":
                before = set(self.topics)
                is_more = action == "subscribe_to_topic"
                (self.topics.add if is_more else self.topics.discard)(str(topic))
                changed = self.topics != before
                expected = {"success": True, "changed": changed, "topics": sorted(self.topics)}
            case _:
                type, on = fields["notification_type"], fields["enabled"]
                self.enabled[type] = on
                expected = {"success": True, "preference": _shown(type, on)}
        if message != {"type": message["type"], **expected}:
            raise Unsound(f"{message} instead of {expected}")

    def check_sent(self, fields: Json, message: Json) -> None:
        """See that a send without a key was suppressed if its type is turned off, and only then. Raises Unsound."""
        type = fields.get("notification_type") or fields["type"]
        if type == "send_notification":
            type = "general"
        if message.get("suppressed", False) is self.enabled.get(type, True):
            raise Unsound(f"{message} for {fields}, with {self.enabled}")


def _shown(type: str, on: bool) -> Json:
    channel = {"channel": IN_APP, "label": IN_APP, "enabled": on, "required": False}
    texts = {"label": type, "description": "", "category": None, "icon": None}
    return {"type": type, "enabled": on, "required": False, **texts, "channels": [channel]}
