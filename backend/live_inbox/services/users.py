"""The users of a call: their keys, and whether they exist."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.db import Error
from django.db.models import Model

from live_inbox import database
from live_inbox.errors import InvalidInput
from live_inbox.identity.user_lookup import users_with
from live_inbox.plain_values import plain_scalar
from live_inbox.storable import is_storable_integer, is_storable_text


def key_of(user: Any, *, field: str) -> Any:
    """Return the primary key of a user; a key as it is. Raises InvalidInput for an object of another model."""
    return _key_of(user, get_user_model(), field=field)


def _key_of(user: Any, model: type[Model], *, field: str) -> Any:
    if isinstance(user, model):
        return user.pk
    if not isinstance(user, Model):
        return user
    # In migrations, users are of a historical model, which has nothing but the name in common with the user model.
    if user._meta.label == model._meta.label:
        return user.pk
    raise InvalidInput(f"A user is needed, not an object of {user._meta.label}.", field=field)


def user_key(value: Any, *, field: str) -> Any:
    """Return a primary key of the user model from a user, from the key itself or its text. Raises InvalidInput."""
    model = get_user_model()
    try:
        value = plain_scalar(_key_of(value, model, field=field))
        key = model._meta.pk.to_python(value)
    except (InvalidInput, Error):
        raise
    except Exception:
        # Whatever a lazy object, or the key's field, raises for what is no key.
        key = None
    # Not what only Python takes for a number (1.9, True, "1_0"): the policy is asked about the text.
    if (
        key is None
        or (isinstance(key, int) and (str(key) != str(value) or not is_storable_integer(key)))
        or (isinstance(key, str) and not is_storable_text(key))
    ):
        raise InvalidInput("There is no such user.", field=field)
    return key


@database.reading
def count_users(user_ids: Sequence[Any]) -> int:
    """Return how many of these users exist."""
    return database.queryset(get_user_model()).filter(pk__in=user_ids).count()


@database.reading
def existing_users(user_ids: Collection[Any]) -> set[Any]:
    """Return those of these primary keys that a user has. One query for each thousand."""
    ids = list(user_ids)
    users = database.queryset(get_user_model())
    found: set[Any] = set()
    for start in range(0, len(ids), 1000):
        found.update(users.filter(pk__in=ids[start : start + 1000]).values_list("pk", flat=True))
    return found


@database.reading
def load_by_key(user_ids: Sequence[Any]) -> dict[Any, Any]:
    """Return those of the users who exist, by their keys. One query for each thousand."""
    users = database.queryset(get_user_model())
    found: dict[Any, Any] = {}
    for start in range(0, len(user_ids), 1000):
        found |= {user.pk: user for user in users.filter(pk__in=user_ids[start : start + 1000])}
    return found


def each_user(user_ids: Sequence[Any]) -> Iterator[Any]:
    """Yield those of the users who exist. One query for each thousand, who are in memory at a time."""
    for start in range(0, len(user_ids), 1000):
        yield from load_by_key(user_ids[start : start + 1000]).values()


def load_users(recipient_id: Any, sender_id: Any, known: Any = None) -> Any:
    """Return the sender, or None without one; raise InvalidInput if a user does not exist.

    `known` is a user who has just been read. Makes no query if there is no other.
    """
    users = {} if known is None else {known.pk: known}
    keys = {recipient_id} if sender_id is None else {recipient_id, sender_id}
    missing = keys - users.keys()
    if missing:
        users |= {user.pk: user for user in users_with(missing)}
    for key, field in ((recipient_id, "recipient_id"), (sender_id, "sender_id")):
        if key is not None and key not in users:
            raise InvalidInput("There is no such user.", field=field)
    return users.get(sender_id)


@database.reading
def load_sender(sender_id: Any) -> Any:
    """Return the sender, or None without one; raise InvalidInput if there is no such user."""
    if sender_id is None:
        return None
    found = users_with({sender_id})
    if not found:
        raise InvalidInput("There is no such user.", field="sender_id")
    return found[0]
