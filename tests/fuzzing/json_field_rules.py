"""Which values of a client's message cannot be right, from the documentation of the JSON API."""

from __future__ import annotations

import re
from typing import Any

from tests.fuzzing.json_bulk import BULK_SENDS, wrong_bulk
from tests.fuzzing.json_change_messages import BULK
from tests.fuzzing.json_sent import SENT_ACTIONS, wrong_name
from tests.fuzzing.json_settings import SETTINGS, wrong_setting

OPTIONAL_TEXTS = ("message", "link", "expires_at", "idempotency_key", "group_key")
FILTER_KEYS = ("folder", "pinned_only", "types", "categories", "priorities", "read", "seen", "text")

Json = dict[str, Any]


def wrong_fields(action: str, fields: Json) -> list[str]:
    """Return the keys whose values cannot be right, whatever the inbox has."""
    if action == "send_notification":
        wrong = _wrong_content(fields)
        # What else may be wrong is reported first, or in its place.
        return [*wrong, "user_id", "notification_type"] if wrong else []
    if action in BULK_SENDS:
        wrong = _wrong_content(fields)
        is_number = _is_number(fields.get("campaign_id"))
        wrong = wrong_bulk(action, fields, wrong, is_number=is_number)
        return [*wrong, "notification_type"] if wrong else []
    if action == "get_notifications":
        keys = ("limit", "before_id")
        wrong = [key for key in keys if fields.get(key) is not None and not _is_number(fields[key])]
        return wrong + _wrong_conditions(fields, [*FILTER_KEYS] if wrong else [])
    if action in BULK:
        return _wrong_conditions(fields, [])
    if action in ("mark_seen", "get_counts"):
        return []
    if action in SETTINGS:
        return wrong_setting(action, fields)
    if action in SENT_ACTIONS:
        return wrong_name(action, fields, is_number=_is_number(fields.get("notification_id")))
    if action == "undo":
        return [] if isinstance(fields.get("undo_token"), str) else ["undo_token"]
    if action == "cancel_send":
        number, key = fields.get("scheduled_id"), fields.get("idempotency_key")
        is_one = (number is None) != (key is None)
        is_right = isinstance(key, str) if number is None else _is_number(number)
        return [] if is_one and is_right else ["scheduled_id", "idempotency_key"]
    wrong = [] if _is_number(fields.get("notification_id")) else ["notification_id"]
    if action == "perform_action" and not isinstance(fields.get("action_id"), str):
        wrong.append("action_id")
    if action == "snooze_notification" and not isinstance(fields.get("until"), str):
        wrong.append("until")
    if action == "delete_notification" and not _is_choice(fields.get("undoable")):
        wrong.append("undoable")
    # What else is wrong with a moment is reported in its place.
    return [*wrong, "until"] if wrong and action == "snooze_notification" else wrong


def _wrong_content(fields: Json) -> list[str]:
    wrong = [key for key in OPTIONAL_TEXTS if not isinstance(fields.get(key) or "", str)]
    # A type may have a template for a title that is missing. That is looked at last, after the permission.
    if not isinstance(fields.get("title") or "", str):
        wrong.append("title")
    if not isinstance(fields.get("data") or {}, dict) or fields.get("data") in ([], "", 0):
        wrong.append("data")
    return wrong


def _wrong_conditions(fields: Json, found: list[str]) -> list[str]:
    """Return the keys of a filter if one of them cannot be right: the first that is wrong is reported."""
    texts, names = fields.get("text"), ("types", "categories", "priorities")
    is_right = (
        all(_is_choice(fields.get(key)) for key in ("read", "seen", "pinned_only"))
        and (texts is None or isinstance(texts, str))
        and all(fields.get(key) is None or isinstance(fields[key], list) for key in names)
        and fields.get("folder") in (None, "inbox", "archive", "snoozed", "grouped")
    )
    return found if is_right else [*FILTER_KEYS]


def _is_choice(value: object) -> bool:
    return value is None or isinstance(value, bool)


def _is_number(value: object) -> bool:
    """Whether a value is an integer from 1, or a string of its digits."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,19}", value):
        value = int(value)
    return type(value) is int and 1 <= value < 2**63
