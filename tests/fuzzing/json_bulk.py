"""Bulk sends and campaigns by messages of the JSON API, of a user who may send to nobody else; and a model of them."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.fuzzing.json_settings import Settings
from tests.fuzzing.soundness import Unsound

OF_CAMPAIGNS = ("get_campaign", "cancel_campaign", "recall_campaign")
BULK_SENDS = ("send_many", "start_campaign", *OF_CAMPAIGNS)
AUDIENCES = (("topic", '"news"'), ("segment", '"customers"'), ("everybody", "true"))

Json = dict[str, Any]
Pairs = list[tuple[str, str]]


def bulk_pairs(
    random: Random, action: str, content: Pairs, *, user_id: str, other_id: str
) -> Pairs:
    """Return the keys of a message, beside its type. `content` are those of the notification."""
    if action in OF_CAMPAIGNS:
        return [("campaign_id", random.choice(("1", '"7"', "999999", "9223372036854775807")))]
    if action == "start_campaign":
        return [random.choice(AUDIENCES), *content]
    lists = ((user_id,), (user_id, other_id), (f'"{user_id}"', "999999"), (other_id,))
    return [("user_ids", f"[{','.join(random.choice(lists))}]"), *content]


def wrong_bulk(
    action: str, fields: Json, wrong_content: list[str], *, is_number: bool
) -> list[str]:
    """Return the keys whose values cannot be right. `is_number`: whether the id of a campaign that is given is one."""
    if action in OF_CAMPAIGNS:
        return [] if is_number else ["campaign_id"]
    if action == "send_many":
        users, refs = fields.get("user_ids"), fields.get("user_refs")
        is_right = _is_list(users, (int, str)) and _is_list(refs, (str,)) and bool(users or refs)
        wrong = wrong_content if is_right else [*wrong_content, "user_ids", "user_refs"]
    else:
        wrong = [key for key in ("topic", "segment") if not isinstance(fields.get(key) or "", str)]
        wrong += [] if isinstance(fields.get("everybody", False), bool | None) else ["everybody"]
        wrong += wrong_content
    # What else may be wrong is reported first, or in its place.
    return [*wrong, "expires_in_seconds", "deliver_at", "user_ids"] if wrong else []


def _is_list(value: object, kinds: tuple[type, ...]) -> bool:
    if value is None:
        return True
    return isinstance(value, list) and all(
        type(each) in kinds and str(each).strip() for each in value
    )


def check_campaign(action: str, fields: Json, message: Json, *, is_done: bool) -> None:
    """See that whoever may not send to everybody starts no campaign, and finds none. Raises Unsound."""
    code = (message.get("error") or {}).get("code")
    expected = "FORBIDDEN" if action == "start_campaign" else "NOT_FOUND"
    if is_done or code not in (expected, "BAD_USER_INPUT"):
        raise Unsound(f"{message} for {fields}")
    if code == "NOT_FOUND" and message["campaign_id"] != int(fields["campaign_id"]):
        raise Unsound(f"{message} for {fields}")


def check_results(
    fields: Json, message: Json, arrived: Json | None, settings: Settings, user_id: str
) -> None:
    """See that a bulk send without a key has reached the user, if it names them, and nobody else. Raises Unsound."""
    own = [each for each in message["results"] if each["recipient"] == user_id]
    others = [each["status"] for each in message["results"] if each not in own]
    is_wanted = settings.enabled.get(fields.get("notification_type") or "general", True)
    expected = ("sent", arrived and arrived["id"]) if is_wanted else ("suppressed", None)
    if any((each["status"], each["notification_id"]) != expected for each in own):
        raise Unsound(f"{message} after {arrived}, with {settings.enabled}")
    if set(others) - {"forbidden"} or (arrived is not None) is not (bool(own) and is_wanted):
        raise Unsound(f"{message} after {arrived}")
    if message["sent_count"] != (1 if own and is_wanted else 0):
        raise Unsound(f"{message} after {arrived}")
