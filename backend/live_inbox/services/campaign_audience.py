"""Whom a campaign is for: users by their keys, a topic, a segment, or everybody.

Any process can go through an audience, from where another one has stopped: it has pages, in the order of primary keys,
each after a key. Who comes into an audience meanwhile is reached if their key is after that of the last recipient.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import orjson
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet
from django.utils.module_loading import import_string

from live_inbox import database
from live_inbox.bulk_states import AudienceKind
from live_inbox.conf import inbox_settings
from live_inbox.errors import InvalidInput
from live_inbox.identity.accounts import active_users
from live_inbox.models import CampaignOrder, TopicSubscription
from live_inbox.services.topics import clean_topic
from live_inbox.services.users import count_users, existing_users, user_key

_COUNTED_AT_ONCE = 10_000
"""Keys of one query that counts users. SQLite allows 32,766 parameters."""


class Audience(Protocol):
    """The recipients of a campaign. Keys are primary keys of the user model."""

    @property
    def kind(self) -> AudienceKind:
        """How they are named."""

    @property
    def name(self) -> str:
        """The topic or the segment; empty for the others."""

    def count(self) -> int:
        """Return how many they are now."""

    def page(self, after: str | None, limit: int) -> Sequence[Any]:
        """Return the first `limit` of them, or of those whose keys come after one, in the order of keys.

        Fewer mean that there are no others.
        """


@dataclass(frozen=True, slots=True)
class NamedUsers:
    """Users who were named by their keys, in the order of keys. Those who have been deleted are among them."""

    keys: Sequence[Any]
    kind = AudienceKind.USERS
    name = ""

    def count(self) -> int:
        """Return how many of them exist."""
        starts = range(0, len(self.keys), _COUNTED_AT_ONCE)
        return sum(count_users(self.keys[start : start + _COUNTED_AT_ONCE]) for start in starts)

    def page(self, after: str | None, limit: int) -> Sequence[Any]:
        """Return a page of the keys."""
        first = 0 if after is None else bisect_right(self.keys, _key(after))
        return self.keys[first : first + limit]


@dataclass(frozen=True, slots=True)
class FoundUsers:
    """Users whom a query finds, each time anew. `column` has their keys."""

    kind: AudienceKind
    name: str
    find: Callable[[], QuerySet[Any]]
    column: str = "pk"

    def count(self) -> int:
        """Return how many they are now."""
        # A query that joins may find a user several times.
        found = self.find().order_by().using(database.alias())
        return found.values(self.column).distinct().count()

    def page(self, after: str | None, limit: int) -> Sequence[Any]:
        """Return a page of the keys."""
        found = self.find().using(database.alias()).order_by(self.column)
        if after is not None:
            found = found.filter(**{f"{self.column}__gt": _key(after)})
        return list(found.values_list(self.column, flat=True).distinct()[:limit])


def _key(text: str) -> Any:
    return get_user_model()._meta.pk.to_python(text)


def audience_of(
    *,
    recipients: Iterable[Any] | None = None,
    topic: object = None,
    segment: object = None,
    everybody: bool = False,
) -> Audience:
    """Return the audience that is named in one of these ways. Raises InvalidInput for none, several and unknown."""
    ways = [recipients is not None, topic is not None, segment is not None, everybody]
    if sum(ways) != 1:
        raise InvalidInput(
            "A campaign has recipients, a topic, a segment, or everybody.", field="recipient_ids"
        )
    if recipients is not None:
        return NamedUsers(recipient_keys(recipients))
    if topic is not None:
        return _of_topic(clean_topic(topic))
    if segment is not None:
        return _of_segment(segment)
    return _of_everybody()


def audience_in(order: CampaignOrder) -> Audience:
    """Return the audience of a stored order. Raises ImproperlyConfigured for a segment that is no more."""
    match AudienceKind(order.audience):
        case AudienceKind.USERS:
            return NamedUsers([_key(key) for key in orjson.loads(order.recipient_keys)])
        case AudienceKind.TOPIC:
            return _of_topic(order.audience_name)
        case AudienceKind.SEGMENT:
            try:
                return _of_segment(order.audience_name)
            except InvalidInput as error:
                raise ImproperlyConfigured(error.message) from error
        case AudienceKind.EVERYBODY:
            return _of_everybody()


def stored_keys(audience: Audience) -> str:
    """Return the keys of named users as JSON, for `CampaignOrder.recipient_keys`; an empty list for the others."""
    keys = audience.keys if isinstance(audience, NamedUsers) else []
    return orjson.dumps(keys, default=str).decode()


def existing(audience: Audience, page: Sequence[Any]) -> set[Any]:
    """Return those of a page who exist: the others have been deleted since they were named."""
    return existing_users(page) if isinstance(audience, NamedUsers) else set(page)


def recipient_keys(given: Iterable[Any]) -> list[Any]:
    """Return the keys of the recipients, each once, in the order in which inboxes are locked.

    Raises InvalidInput for what are no users, and for more than MAX_BULK_RECIPIENTS.
    """
    # A text is a sequence, too: of texts that may be keys of others.
    if isinstance(given, str | bytes | Model) or not isinstance(given, Iterable):
        raise InvalidInput(
            "Several users are needed: a list or a query set, for example.", field="recipient_ids"
        )
    most = inbox_settings().max_bulk_recipients
    found = set[Any]()
    for value in _keys_of(given):
        found.add(user_key(value, field="recipient_ids"))
        if len(found) > most:
            raise InvalidInput(f"A bulk has {most} recipients at most.", field="recipient_ids")
    return sorted(found)


def _keys_of(given: Iterable[Any]) -> Iterable[Any]:
    """Return the keys of a query set of users without loading the users; anything else as it is."""
    query: Any = given
    is_users = isinstance(given, QuerySet) and issubclass(given.model, get_user_model())
    if not is_users or query._result_cache is not None or query._fields is not None:
        return given
    keys: Iterable[Any] = query.values_list("pk", flat=True)
    return keys


def _of_topic(topic: str) -> Audience:
    def subscribed() -> QuerySet[Any]:
        return database.queryset(TopicSubscription).filter(topic=topic)

    return FoundUsers(AudienceKind.TOPIC, topic, subscribed, column="user_id")


def _of_everybody() -> Audience:
    return FoundUsers(AudienceKind.EVERYBODY, "", active_users)


def _of_segment(name: object) -> Audience:
    path = inbox_settings().segments.get(name) if isinstance(name, str) else None
    if path is None:
        raise InvalidInput("There is no such segment.", field="segment")
    return FoundUsers(AudienceKind.SEGMENT, str(name), _function(path))


@lru_cache(maxsize=64)
def _function(path: str) -> Callable[[], QuerySet[Any]]:
    find = import_string(path)

    def users() -> QuerySet[Any]:
        found = find()
        if not (isinstance(found, QuerySet) and issubclass(found.model, get_user_model())):
            raise ImproperlyConfigured(f"{path} has to return a query set of users.")
        return found

    return users
