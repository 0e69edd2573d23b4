"""Text frames to actions, and messages to text frames. Pure: literals in, values out."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import orjson

from live_inbox.errors import InvalidInput
from live_inbox.json_api.bulk_messages import (
    CancelCampaign,
    GetCampaign,
    RecallCampaign,
    SendMany,
    StartCampaign,
)
from live_inbox.json_api.content_fields import content_of, edited_content_of
from live_inbox.json_api.failures import Failure
from live_inbox.json_api.fields import list_or_none, moment_or_none, string, string_or_none, user_id
from live_inbox.json_api.filters import choice, filter_of
from live_inbox.json_api.messages import (
    CLIENT_MESSAGES,
    DEFAULT_LIMIT,
    Action,
    ArchiveAll,
    CancelSend,
    DeleteAll,
    DeleteNotification,
    FaultCode,
    GetCounts,
    GetNotifications,
    MarkAllRead,
    MarkSeen,
    PerformAction,
    Ping,
    RefreshToken,
    SendNotification,
    ServerMessage,
    SnoozeNotification,
    Undo,
)
from live_inbox.json_api.numbers import positive_number, positive_number_or_none
from live_inbox.json_api.sent_messages import EditNotification, RecallNotification
from live_inbox.json_api.topic_messages import GetTopics, SubscribeToTopic, UnsubscribeFromTopic
from live_inbox.json_api.type_messages import GetPreferences, GetTypes, SetPreference
from live_inbox.notification_channels import IN_APP

MAX_DEPTH = 64
"""Levels of a message: more than `data` may have, so that the domain refuses that by its name."""

_SEND = "send_notification"
_SEND_KEYS = {"user_id", "title", "message"}


class Malformed(Exception):
    """Raised when a frame cannot be understood: it is answered with `error`."""

    def __init__(self, code: FaultCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Refused(Exception):
    """Raised when the action is clear but a field is not acceptable: the action has failed."""

    def __init__(self, action: type[Action], failure: Failure) -> None:
        super().__init__(failure.message)
        self.action = action
        self.failure = failure


def decode(text: str, *, max_bytes: int) -> Action | Ping | RefreshToken:
    """Return what a text frame asks for; raise Malformed or Refused."""
    types, fields = _parse(text, max_bytes)
    kind = CLIENT_MESSAGES[_name(types, fields)]
    if issubclass(kind, Ping):
        return Ping()
    if issubclass(kind, RefreshToken):
        token = fields.get("token")
        # What is no token is refused as such, by the authentication.
        return RefreshToken(token if isinstance(token, str) else "")
    try:
        return _action(kind, fields, types)
    except InvalidInput as error:
        raise Refused(kind, Failure.of(error)) from None


def encode(message: ServerMessage) -> bytes:
    """Return the frame that carries a message, in UTF-8.

    By orjson: it is ten times as fast as json here, and the domain stores only `data` that orjson
    can write.
    """
    return orjson.dumps(message)


def _parse(text: str, max_bytes: int) -> tuple[list[object], dict[str, Any]]:
    """Return the values of the outermost `type` keys in their order, and the outermost object.

    By json: orjson keeps only the last of two equal keys, and makes floats of large integers.
    """
    outermost: list[tuple[str, Any]] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal outermost
        outermost = pairs  # Objects end from the inside out: the last one is the outermost.
        return dict(pairs)

    try:
        _check_size(text, max_bytes)
        message = json.loads(text, object_pairs_hook=keep, parse_constant=_refuse_constant)
        _check_content(text, message)
    except json.JSONDecodeError as error:
        raise Malformed(FaultCode.INVALID_JSON, f"The message is not JSON: {error}.") from None
    except (ValueError, RecursionError):
        raise Malformed(
            FaultCode.INVALID_JSON,
            "The message has a number, a nesting or a character that is not accepted.",
        ) from None
    if not isinstance(message, dict):
        raise Malformed(FaultCode.INVALID_MESSAGE, "A message must be a JSON object.")
    return [value for key, value in outermost if key == "type"], message


def _check_size(text: str, max_bytes: int) -> None:
    if len(text.encode()) > max_bytes:
        raise Malformed(
            FaultCode.MESSAGE_TOO_LARGE, f"A message must have {max_bytes} bytes at most."
        )


def _refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and the infinities, which Python's parser accepts and JSON does not have."""
    raise ValueError(name)


def _check_content(text: str, message: object) -> None:
    """Raise ValueError for nesting beyond MAX_DEPTH, and for halves of surrogate pairs."""
    layer = [message]
    for _ in range(MAX_DEPTH):
        layer = [child for item in layer for child in _children(item)]
    if layer:
        raise ValueError("nested too deeply")
    if "\\u" in text:  # A lone surrogate cannot come as a character, only as an escape.
        json.dumps(message, ensure_ascii=False).encode()


def _children(item: object) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return item if isinstance(item, list) else []


def _name(types: list[object], fields: dict[str, Any]) -> str:
    """Return the name of the action.

    The guide's send has the key `type` twice: first the action, then the notification's type. A
    client that builds objects can only send the last of them, so a type that is no action is a
    send where the rest of one is there.
    """
    name = types[0] if types else None
    if not isinstance(name, str):
        raise Malformed(FaultCode.INVALID_MESSAGE, 'A message must have a "type", a string.')
    if len(types) > 1 and name != _SEND:
        raise Malformed(FaultCode.INVALID_MESSAGE, 'Only a send may have "type" twice.')
    if name in CLIENT_MESSAGES:
        return name
    if fields.keys() >= _SEND_KEYS:
        return _SEND
    raise Malformed(FaultCode.UNKNOWN_TYPE, f"There is no message of type {name[:64]!r}.")


def _action(kind: type[Action], fields: dict[str, Any], types: list[object]) -> Action:
    """Return the action with its fields; raise InvalidInput for the first that is wrong."""
    if issubclass(kind, SendNotification):
        return _send(fields, types)
    if issubclass(kind, CancelSend):
        return _cancel(fields)
    if issubclass(kind, EditNotification):
        return EditNotification(*_name_of_sent(fields), edited_content_of(fields))
    if issubclass(kind, SendMany):
        return _send_many(fields)
    if issubclass(kind, StartCampaign):
        return _start_campaign(fields)
    if issubclass(kind, GetCampaign | CancelCampaign | RecallCampaign):
        return kind(positive_number("campaign_id", fields))
    if issubclass(kind, RecallNotification):
        return RecallNotification(*_name_of_sent(fields))
    if issubclass(kind, GetNotifications):
        return _get(fields)
    if issubclass(kind, MarkSeen | GetCounts | GetTypes | GetPreferences | GetTopics):
        return kind()
    if issubclass(kind, SubscribeToTopic | UnsubscribeFromTopic):
        return kind(string("topic", fields.get("topic")))
    if issubclass(kind, SetPreference):
        return _preference(fields)
    if issubclass(kind, PerformAction):
        number = positive_number("notification_id", fields)
        return PerformAction(number, string("action_id", fields.get("action_id")))
    if issubclass(kind, MarkAllRead | ArchiveAll | DeleteAll):
        return kind(filter_of(fields))
    if issubclass(kind, Undo):
        return kind(string("undo_token", fields.get("undo_token")))
    if issubclass(kind, SnoozeNotification):
        until = moment_or_none("until", fields.get("until"))
        if until is None:
            raise InvalidInput("until is missing.", field="until")
        return SnoozeNotification(positive_number("notification_id", fields), until)
    if issubclass(kind, DeleteNotification):
        undoable = choice("undoable", fields)
        return DeleteNotification(positive_number("notification_id", fields), bool(undoable))
    return kind(positive_number("notification_id", fields))


def _send(fields: dict[str, Any], types: list[object]) -> SendNotification:
    if fields.get("notification_type") is None and types[-1] != _SEND:
        fields = {**fields, "notification_type": types[-1]}
    recipient = user_id(fields.get("user_id"))
    content = content_of(fields)
    return SendNotification(recipient, content, string_or_none("idempotency_key", fields))


def _send_many(fields: dict[str, Any]) -> SendMany:
    users = list_or_none("user_ids", fields.get("user_ids")) or []
    refs = list_or_none("user_refs", fields.get("user_refs")) or []
    return SendMany(
        user_ids=[user_id(each, field="user_ids") for each in users],
        user_refs=[string("user_refs", each) for each in refs],
        content=content_of(fields),
        idempotency_key=string_or_none("idempotency_key", fields),
    )


def _start_campaign(fields: dict[str, Any]) -> StartCampaign:
    return StartCampaign(
        topic=string_or_none("topic", fields),
        segment=string_or_none("segment", fields),
        everybody=bool(choice("everybody", fields)),
        content=content_of(fields),
        idempotency_key=string_or_none("idempotency_key", fields),
    )


def _name_of_sent(fields: dict[str, Any]) -> tuple[int | None, str | None]:
    """Return by what a client names what it has sent: its id, or the key of the send."""
    return (
        positive_number_or_none("notification_id", fields),
        string_or_none("idempotency_key", fields),
    )


def _preference(fields: dict[str, Any]) -> SetPreference:
    enabled, channel = choice("enabled", fields), string_or_none("channel", fields)
    if enabled is None:
        raise InvalidInput("enabled must be true or false.", field="enabled")
    return SetPreference(
        string("notification_type", fields.get("notification_type")),
        enabled,
        IN_APP if channel is None else channel,
    )


def _cancel(fields: dict[str, Any]) -> CancelSend:
    return CancelSend(
        scheduled_id=positive_number_or_none("scheduled_id", fields),
        idempotency_key=string_or_none("idempotency_key", fields),
    )


def _get(fields: dict[str, Any]) -> GetNotifications:
    return GetNotifications(
        limit=positive_number_or_none("limit", fields) or DEFAULT_LIMIT,
        before_id=positive_number_or_none("before_id", fields),
        filter=filter_of(fields),
    )
