"""Messages of the JSON API that move, pin, see, answer, change in bulk and undo: their keys, mostly right."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random

MOVES = ("archive_notification", "unarchive_notification", "unsnooze_notification")
PINS = ("pin_notification", "unpin_notification")
BULK = ("mark_all_read", "archive_all", "delete_all")
CHANGES = (
    *MOVES,
    *PINS,
    *("snooze_notification", "perform_action", "mark_seen", "archive_all", "delete_all", "undo"),
    *("cancel_send", "get_counts", "get_notification"),
)
FILTERS: dict[str, tuple[str, ...]] = {
    "folder": ("null", '"inbox"', '"archive"', '"snoozed"', '"grouped"'),
    "types": ("null", "[]", '["general"]', '["approval","a.b-c_D"]'),
    "read": ("null", "true", "false"),
    "seen": ("null", "true", "false"),
    "pinned_only": ("null", "true", "false"),
    "text": ("null", '"t"', '"<B"', '"nothing of it"', '"m T"', '""'),
}
ACTION_ID = "yes"
ACTIONS_OF_CONTENT = '[{"label":"Yes","id":"yes"},{"label":"See","link":"/x"}]'
Pairs = list[tuple[str, str]]


def filter_pairs(random: Random) -> Pairs:
    """Return some conditions, often none."""
    names = [name for name in FILTERS if random.random() < 0.3]
    return [(name, random.choice(FILTERS[name])) for name in names]


def change_pairs(random: Random, action: str, id: str, undo_tokens: list[str]) -> Pairs:
    """Return the keys of a message, beside its type. `id` is what a message may name a notification by."""
    match action:
        case "mark_seen" | "get_counts":
            return []
        case "archive_all" | "delete_all":
            return filter_pairs(random)
        case "undo":
            token = random.choice(undo_tokens) if undo_tokens else "x" * 32
            return [("undo_token", json.dumps(token))]
        case "cancel_send":
            return [("scheduled_id", random.choice(("1", "999999", '"7"')))]
        case "snooze_notification":
            # Never so soon that it returns while somebody looks.
            until = datetime.now(UTC) + timedelta(days=random.choice((1, 200, 365)))
            return [("notification_id", id), ("until", json.dumps(until.isoformat()))]
        case "perform_action":
            return [("notification_id", id), ("action_id", f'"{ACTION_ID}"')]
    return [("notification_id", id)]
