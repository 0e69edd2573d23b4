"""Users and objects that a send names as its actor and its target, read as what is stored of them.

Once for each call, before anything depends on the recipient: an actor whose key was given costs a query, one that was
given as an object none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models import Model

from live_inbox.content_parts import NAME_LENGTH
from live_inbox.errors import InvalidInput
from live_inbox.plain_values import is_object, object_of, plain_scalar
from live_inbox.services.users import load_by_key, user_key
from live_inbox.snapshots import person


def with_references(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a send, with the actor and the target as `content_parts` takes them.

    Raises InvalidInput for a user who does not exist, an object that is not saved, and an actor who is both a user and
    a name.
    """
    found = {**fields}
    if found.get("actor") is not None:
        found["actor"] = _actor(found["actor"])
    if found.get("target") is not None:
        found["target"] = _target(found["target"])
    return found


def named_user(actor: object) -> object:
    """Return what names the user of an actor that came as JSON; None for an actor who is no user."""
    if isinstance(actor, dict):
        return actor.get("user")
    return actor if isinstance(actor, int) else None


def _actor(given: Any) -> Any:
    value = plain_scalar(given)
    # A key as text is not told from a name: a text is a name.
    if isinstance(value, Model | int) or isinstance(given, UUID):
        return _shown(given)
    if not is_object(value):
        return value
    actor = object_of(value, field="actor")
    user = actor.get("user")
    if user is None:
        return actor
    if actor.pop("name", None) is not None:
        raise InvalidInput("An actor is a user or has a name, not both.", field="actor")
    return actor | _shown(user)


def _shown(given: Any) -> dict[str, str]:
    """Return a user as others see them."""
    user = plain_scalar(given)
    if not isinstance(user, get_user_model()) or user.pk is None:
        key = user_key(user, field="actor")
        user = load_by_key([key]).get(key)
        if user is None:
            raise InvalidInput("There is no such user.", field="actor")
    shown = person(user)
    return {"user": shown.id, "name": (shown.name or shown.username)[:NAME_LENGTH]}


def _target(given: Any) -> Any:
    value = plain_scalar(given)
    if not isinstance(value, Model):
        return value
    if value.pk is None:
        raise InvalidInput("The object of a target must be saved.", field="target")
    return {"type": value._meta.label_lower, "id": str(plain_scalar(value.pk))}
