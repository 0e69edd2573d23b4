"""The content of a notification: its fields, each declared once with its default, its limit and its validation.

Services, both APIs, the admin and the commands take these fields. docs/adding-a-field.md lists what else a new field
needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from functools import partial
from typing import (
    Annotated,
    Any,
    Literal,
    Protocol,
    Self,
    TypedDict,
    TypeVar,
    Unpack,
    get_args,
    get_type_hints,
)

import orjson
from django.core.exceptions import ImproperlyConfigured
from django.db import Error
from django.utils import timezone
from django.utils.functional import Promise

from live_inbox.conf import inbox_settings
from live_inbox.content_parts import (
    FORMAT_LENGTH,
    PICTURE_LENGTH,
    clean_actions,
    clean_actor,
    clean_format,
    clean_icon,
    clean_target,
)
from live_inbox.content_texts import clean_address, clean_line, clean_text, without_override
from live_inbox.errors import InvalidInput
from live_inbox.notification_types import TYPE_LENGTH, is_type
from live_inbox.plain_values import is_object, plain_json, plain_scalar

ReadT = TypeVar("ReadT")

TITLE_LENGTH = 200
MESSAGE_LENGTH = 4000
LINK_LENGTH = 2000
KEY_LENGTH = 200
GROUP_KEY_LENGTH = 200
PRIORITY_LENGTH = 16
LONGEST_SECONDS = 1_000_000_000
"""The longest time that clients may name, about 31 years: it fits into 32 bits, as GraphQL's integers do."""

PRIORITIES = ("low", "normal", "high", "urgent")
"""How much a notification matters, from the least to the most."""


class HasAddress(Protocol):
    """An object with a page of its own, such as an object of most models."""

    def get_absolute_url(self) -> str:
        """Return the path of the page."""


Text = str | Promise | Enum
"""A text, perhaps a lazy translation or the member of an enum."""


class ContentFields(TypedDict, total=False):
    """The fields as keyword arguments of `send`, not yet validated. None stands for the default."""

    type: Text | None
    title: Text | None
    message: Text | None
    link: Text | HasAddress | None
    data: Any
    expires_at: datetime | timedelta | None
    priority: Text | None
    icon: Text | HasAddress | None
    actor: Any
    target: Any
    actions: Any
    format: Text | None
    group_key: Text | None


class GivenFields(ContentFields, total=False):
    """What a send takes: the fields, the context from which templates make the title and the message, and its time."""

    context: Any
    deliver_at: datetime | timedelta | None


def clean_content(*, now: datetime | None, **given: Unpack[ContentFields]) -> Content:
    """Return the validated content. Without `now`, `expires_at` may have passed: see `check_not_expired`.

    Raises InvalidInput, naming the first field that is not acceptable, and TypeError for a field that does not exist
    or a title that is missing: those are mistakes of the calling code.
    """
    inbox_settings()  # Invalid settings are reported before anything else, such as moments without USE_TZ.
    values: dict[str, Any] = {**given}
    unknown = values.keys() - CONTENT_FIELDS.keys()
    if unknown:
        raise TypeError(f"A notification has no field {min(unknown)!r}.")
    if "title" not in values:
        raise TypeError("A notification needs the field 'title'.")
    return Content(
        **{
            name: _read(name, partial(declared.clean, _given(values, name), now))
            for name, declared in CONTENT_FIELDS.items()
        }
    )


def check_not_expired(content: Content, now: datetime, deliver_at: datetime | None = None) -> None:
    """Raise InvalidInput for content that has expired, or that will have when it is delivered.

    A repeated send may: it returns what the first one did.
    """
    if content.expires_at is None:
        return
    if content.expires_at <= now:
        raise _has_expired()
    if deliver_at is not None and content.expires_at <= deliver_at:
        raise InvalidInput("expires_at must be later than deliver_at.", field="expires_at")


def _has_expired() -> InvalidInput:
    return InvalidInput("expires_at must be later than now.", field="expires_at")


def _given(values: Mapping[str, Any], name: str) -> object:
    """Return the value of a field; its default if it is not given, or None."""
    value = values.get(name)
    return CONTENT_FIELDS[name].default if value is None else value


def moment_after(start: datetime, wait: timedelta, *, field: str) -> datetime:
    """Return the moment that comes so long after another one. Raises InvalidInput unless it is later."""
    try:
        moment = start + wait
    except OverflowError:
        raise InvalidInput(f"{field} is out of range.", field=field) from None
    if moment <= start:
        raise InvalidInput(f"{field} must be a time that is longer than none.", field=field)
    return moment


def clean_seconds(value: int, *, field: str) -> timedelta:
    """Return a time of whole seconds, which clients name in place of a moment. Raises InvalidInput."""
    if not 1 <= value <= LONGEST_SECONDS:
        raise InvalidInput(f"{field} must be 1 to {LONGEST_SECONDS}.", field=field)
    return timedelta(seconds=value)


def clean_created_at(value: object) -> datetime | None:
    """Return when an imported notification was created, in UTC; None when it is new.

    As in Django's fields, a moment without a time zone is in TIME_ZONE, and a date stands for its beginning.
    """
    return None if value is None else _read("created_at", partial(_clean_created_at, value))


def _clean_created_at(value: object) -> datetime:
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time.min)
    if not isinstance(value, datetime):
        raise InvalidInput("created_at must be a datetime or a date.", field="created_at")
    if value.utcoffset() is None:
        value = value.replace(tzinfo=timezone.get_default_timezone())
    return _in_utc("created_at", value)


def clean_type(value: object, *, field: str = "type") -> str:
    """Return a notification type: a slug such as `general` or `billing.invoice`."""
    text = _read(field, partial(clean_text, field, value, TYPE_LENGTH))
    if not is_type(text):
        raise InvalidInput(
            "A type consists of letters, digits, '-', '_' and '.', and begins with a letter or digit.",
            field=field,
        )
    return text


def clean_key(value: object) -> str | None:
    """Return an idempotency key; None when there is none."""
    if value is None:
        return None
    text = _read("idempotency_key", partial(clean_text, "idempotency_key", value, KEY_LENGTH))
    if not text.strip():
        raise InvalidInput("An idempotency key must not be blank.", field="idempotency_key")
    return text


def _read(name: str, clean: Callable[[], ReadT]) -> ReadT:
    """Return what a validation returns. Raises InvalidInput, also when code of the project fails on the way.

    That is the function of a lazy text, or `get_absolute_url`. A database error is raised as it is: it may have ended
    the caller's transaction.
    """
    try:
        return clean()
    except (InvalidInput, ImproperlyConfigured, Error):
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise InvalidInput(f"{name} cannot be read: {reason}.", field=name) from error


def _clean_type_field(value: object, now: datetime | None) -> str:
    return clean_type(value)


def _clean_title(value: object, now: datetime | None) -> str:
    return clean_line("title", value, TITLE_LENGTH)


def _clean_message(value: object, now: datetime | None) -> str:
    return without_override("message", clean_text("message", value, MESSAGE_LENGTH))


def _clean_link(value: object, now: datetime | None) -> str:
    return clean_address("link", value, LINK_LENGTH)


def _clean_expiry(value: object, now: datetime | None) -> datetime | None:
    """Return a moment later than `now`, in UTC; None when there is none."""
    if value is None:
        return None
    moment = clean_moment("expires_at", value)
    if now is not None and moment <= now:
        raise _has_expired()
    return moment


def clean_moment(name: str, value: object) -> datetime:
    """Return a moment, in UTC. Raises InvalidInput for anything else, and for one without a time zone.

    Read in the wrong time zone, what it is for would happen at the wrong time. So the zone is not guessed.
    """
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidInput(f"{name} must be a moment with a time zone.", field=name)
    return _in_utc(name, value)


def _in_utc(name: str, value: datetime) -> datetime:
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        # Just inside the calendar where it was written, and beyond its end in UTC.
        raise InvalidInput(f"{name} is out of range.", field=name) from None
    # A plain datetime: subclasses encode themselves in other ways.
    return datetime.combine(moment.date(), moment.time(), UTC)


def _clean_priority(value: object, now: datetime | None) -> str:
    text = clean_text("priority", value, PRIORITY_LENGTH)
    if text not in PRIORITIES:
        raise InvalidInput(f"priority must be one of {', '.join(PRIORITIES)}.", field="priority")
    return text


def _clean_group_key(value: object, now: datetime | None) -> str | None:
    return None if value is None else clean_text("group_key", value, GROUP_KEY_LENGTH) or None


def _clean_data(value: object, now: datetime | None) -> dict[str, Any]:
    value = plain_scalar(value)
    return {} if value is None else clean_object(value, field="data")


def clean_object(value: object, *, field: str) -> dict[str, Any]:
    """Return an object as JSON carries it, of MAX_DATA_BYTES at most; raise InvalidInput for anything else."""
    value = plain_scalar(value)
    if not is_object(value):
        raise InvalidInput(f"{field} must be a JSON object.", field=field)
    plain: dict[str, Any] = plain_json(value, field=field)
    limit = inbox_settings().max_data_bytes
    try:
        size = len(orjson.dumps(plain))
    except TypeError as error:
        raise InvalidInput(f"{field} cannot be written as JSON: {error}.", field=field) from None
    if size > limit:
        raise InvalidInput(f"{field} must have {limit} bytes of JSON at most.", field=field)
    return plain


# -- the declaration -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ContentField:
    """One field of the content."""

    clean: Callable[[object, datetime | None], Any]
    """Takes a value and the time of the send, None for any; returns what is stored, or raises InvalidInput."""
    default: Any = None
    max_length: int | None = None
    """Characters, of a text."""
    json_type: Literal["string", "object", "array", "date-time"] = "string"
    """What clients send for it in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a notification consists of, after validation. `clean_content` makes it.

    Fields are validated in the order of their declaration, and the first that is not acceptable is reported.
    """

    type: Annotated[str, ContentField(_clean_type_field, "general", TYPE_LENGTH)]
    """What it is about: a slug such as `general` or `billing.invoice`."""
    title: Annotated[str, ContentField(_clean_title, None, TITLE_LENGTH)]
    """One line, not blank, without control characters."""
    message: Annotated[str, ContentField(_clean_message, "", MESSAGE_LENGTH)]
    """The text; may be empty."""
    link: Annotated[str, ContentField(_clean_link, "", LINK_LENGTH)]
    """A path on the site or an http(s) address; empty without one."""
    data: Annotated[dict[str, Any], ContentField(_clean_data, json_type="object")]
    """A JSON object for programs, of MAX_DATA_BYTES at most."""
    expires_at: Annotated[datetime | None, ContentField(_clean_expiry, json_type="date-time")]
    """When it is deleted by itself, in UTC; None if never."""
    priority: Annotated[str, ContentField(_clean_priority, "normal", PRIORITY_LENGTH)]
    """How much it matters: one of PRIORITIES."""
    icon: Annotated[str, ContentField(clean_icon, "", PICTURE_LENGTH)]
    """The name of an icon, or the address of a picture; empty without one."""
    actor: Annotated[dict[str, Any] | None, ContentField(clean_actor, json_type="object")]
    """Who did it: `name`, and perhaps `user` and `picture`; see `content_parts`. None for nobody."""
    target: Annotated[dict[str, Any] | None, ContentField(clean_target, json_type="object")]
    """What it is about: `type`, a model, and `id`, a key; None for nothing."""
    actions: Annotated[list[dict[str, Any]] | None, ContentField(clean_actions, json_type="array")]
    """What can be done: each with a `label`, and an `id` or a `link`; None for nothing."""
    format: Annotated[str, ContentField(clean_format, "plain", FORMAT_LENGTH)]
    """What the message is written in: one of FORMATS."""
    group_key: Annotated[str | None, ContentField(_clean_group_key, None, GROUP_KEY_LENGTH)]
    """With the same key, notifications of an inbox fold into one row, the newest; None for no group."""

    @classmethod
    def of(cls, row: object) -> Self:
        """Return the content of an object that has these fields as attributes, such as a database row."""
        return cls(**{name: getattr(row, name) for name in CONTENT_FIELDS})

    def values(self) -> dict[str, Any]:
        """Return the fields by their names."""
        return {name: getattr(self, name) for name in CONTENT_FIELDS}


CONTENT_FIELDS: Mapping[str, ContentField] = {
    name: get_args(hint)[1] for name, hint in get_type_hints(Content, include_extras=True).items()
}
"""Every field of the content by its name, in the order of declaration."""

EDITABLE = tuple(name for name in CONTENT_FIELDS if name not in ("type", "group_key"))
"""The fields that can be changed after the notification was sent. Its type decides who is shown it, its group where."""

EDITABLE_BY_CLIENTS = ("title", "message", "link", "data", "expires_at", "priority")
"""Those of them that both APIs take in an edit. Pictures, people and actions are for code to change."""
