"""The ids that clients see. They are unique across types, as the stores of GraphQL clients need them.

A notification's id is its number, the same as in the JSON API; a user's is `user:<primary key>`, a campaign's
`campaign:<number>`, and that of a scheduled send `scheduled:<number>`.
"""

from __future__ import annotations

import re

import strawberry
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from live_inbox.campaigns import no_campaign
from live_inbox.errors import InvalidInput, NotFound
from live_inbox.storable import MAX_INTEGER, is_storable_integer

_USER_PREFIX = "user:"
_CAMPAIGN_PREFIX = "campaign:"
_SCHEDULED_PREFIX = "scheduled:"
_NUMBER = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


def notification_id(number: int) -> strawberry.ID:
    """Return the id of a notification."""
    return strawberry.ID(str(number))


def parse_notification_id(text: str) -> int:
    """Return the number of the notification; raise NotFound for what cannot be the id of one."""
    number = known_notification_id(text)
    if not number:
        raise NotFound("You have no such notification.")
    return number


def known_notification_id(text: str) -> int:
    """Return the number of the notification; 0, which none has, for what cannot be the id of one."""
    return int(text) if _NUMBER.fullmatch(text) and int(text) <= MAX_INTEGER else 0


def scheduled_id(number: int) -> strawberry.ID:
    """Return the id of a scheduled send."""
    return strawberry.ID(f"{_SCHEDULED_PREFIX}{number}")


def parse_scheduled_id(text: str) -> int:
    """Return the number of the scheduled send; 0, which none has, for what cannot be the id of one."""
    plain = text.removeprefix(_SCHEDULED_PREFIX)
    return int(plain) if plain != text and _NUMBER.fullmatch(plain) else 0


def user_id(primary_key: str) -> strawberry.ID:
    """Return the id of a user."""
    return strawberry.ID(f"{_USER_PREFIX}{primary_key}")


def plain_user_id(text: str) -> str:
    """Return the primary key, as text, in a user's id or in the plain primary key. It may be that of nobody."""
    return text.removeprefix(_USER_PREFIX)


def parse_user_id(text: str, *, field: str) -> str:
    """Return the primary key that a user's id or the plain primary key stands for, in its one form as text.

    Raises InvalidInput for what cannot be a primary key. Whether there is such a user is not looked at.
    """
    plain = plain_user_id(text)
    try:
        key = get_user_model()._meta.pk.to_python(plain) if plain.isprintable() else None
    except ValidationError:
        key = None
    if key is None or plain == "" or (isinstance(key, int) and not is_storable_integer(key)):
        raise InvalidInput("There is no such user.", field=field)
    return str(key)


def campaign_id(number: int) -> strawberry.ID:
    """Return the id of a campaign."""
    return strawberry.ID(f"{_CAMPAIGN_PREFIX}{number}")


def parse_campaign_id(text: str) -> int:
    """Return the number of the campaign; raise NotFound for what cannot be the id of one."""
    number = text.removeprefix(_CAMPAIGN_PREFIX)
    if not _NUMBER.fullmatch(number) or int(number) > MAX_INTEGER:
        raise no_campaign()
    return int(number)
