"""What a client wants of each type of notification, by messages of the JSON API; and a model of it."""

from __future__ import annotations

import re
from random import Random
from typing import Any

from tests.fuzzing.soundness import Unsound

SETTINGS = ("get_types", "get_preferences", "set_preference")
TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
IN_APP = "in_app"

Json = dict[str, Any]
Pairs = list[tuple[str, str]]


def setting_pairs(random: Random, action: str) -> Pairs:
    """Return the keys of a message, beside its type."""
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
    """What the user has turned on or off. The site declares no types and no other channels than the inbox."""

    def __init__(self, preferences: Json) -> None:
        """`preferences` is the answer to `get_preferences`."""
        self.enabled: dict[str, bool] = {
            each["type"]: each["enabled"] for each in preferences["preferences"]
        }

    def take(self, action: str, fields: Json, message: Json, *, is_done: bool) -> None:
        """Take the answer to a message. Raises Unsound."""
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
