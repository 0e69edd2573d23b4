"""What a notification shows beside its texts: an icon, who did it, what it is about, and what can be done.

The parts are stored as JSON, in columns of their own: a list reads those that are asked for, and where there is
nothing, PostgreSQL stores nothing. Every function takes a field's value and the time of the send, as
`content.ContentField` says, and raises InvalidInput.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from live_inbox.content_texts import clean_address, clean_line, clean_text
from live_inbox.errors import InvalidInput
from live_inbox.notification_types import TYPE_LENGTH, is_type
from live_inbox.plain_values import check_storable, is_object, object_of, plain_scalar

PICTURE_LENGTH = 500
"""Characters of an icon, and of the address of a picture."""
NAME_LENGTH = 200
TARGET_TYPE_LENGTH = 200
TARGET_ID_LENGTH = 255
LABEL_LENGTH = 60
ACTION_LINK_LENGTH = 2000
MAX_ACTIONS = 3

FORMATS = ("plain", "markdown")
"""What a message may be written in. `markdown` is the subset of docs/sending.md."""
FORMAT_LENGTH = 16

_MODEL = re.compile(r"\A[A-Za-z_]\w*\.[A-Za-z_]\w*\Z", re.ASCII)


def clean_icon(value: object, now: datetime | None) -> str:
    """Return the name of an icon, which has the form of a type, or what `link` takes; empty for none."""
    text = plain_scalar(value)
    if isinstance(text, str) and len(text) <= TYPE_LENGTH and is_type(text):
        return text
    return clean_address("icon", value, PICTURE_LENGTH)


def clean_actor(value: object, now: datetime | None) -> dict[str, Any] | None:
    """Return `name`, and where given `user`, a primary key as text, and `picture`, an address; None for nobody.

    A text is a name. The name of a user may be empty: a project need not show any.
    """
    value = plain_scalar(value)
    if value is None:
        return None
    if isinstance(value, str):
        value = {"name": value}
    given = _parts("actor", value, ("user", "name", "picture"))
    actor: dict[str, Any] = {}
    if given.get("user") is not None:
        actor["user"] = clean_text("actor", given["user"], TARGET_ID_LENGTH)
    name = given.get("name")
    if name is None:
        raise InvalidInput("An actor is a user or has a name.", field="actor")
    is_nameless = name == "" and "user" in actor
    actor["name"] = "" if is_nameless else clean_line("actor", name, NAME_LENGTH)
    if picture := given.get("picture"):
        actor["picture"] = clean_address("actor", picture, PICTURE_LENGTH)
    return actor


def clean_target(value: object, now: datetime | None) -> dict[str, Any] | None:
    """Return `type`, a model as `app_label.model` in lower case, and `id`, a primary key as text; None for nothing."""
    value = plain_scalar(value)
    if value is None:
        return None
    given = _parts("target", value, ("type", "id"))
    if given.get("type") is None or given.get("id") is None:
        raise InvalidInput("A target has a type and an id.", field="target")
    type = clean_text("target", given.get("type"), TARGET_TYPE_LENGTH)
    if not _MODEL.match(type):
        raise InvalidInput("The type of a target is a model, such as shop.order.", field="target")
    key = plain_scalar(given.get("id"))
    text = str(key) if isinstance(key, int) and not isinstance(key, bool) else key
    id = clean_text("target", text, TARGET_ID_LENGTH)
    if not id.strip():
        raise InvalidInput("The id of a target must not be blank.", field="target")
    return {"type": type.lower(), "id": id}


def clean_actions(value: object, now: datetime | None) -> list[dict[str, Any]] | None:
    """Return what can be done, each with its `label` and either an `id` or a `link`; None for nothing."""
    value = plain_scalar(value)
    if value is None:
        return None
    if not isinstance(value, list | tuple):
        raise InvalidInput("actions must be a list.", field="actions")
    if len(value) > MAX_ACTIONS:
        raise InvalidInput(f"actions must be {MAX_ACTIONS} at most.", field="actions")
    actions = [_action(each) for each in value]
    ids = [action["id"] for action in actions if "id" in action]
    if len(set(ids)) < len(ids):
        raise InvalidInput("actions must not have the same id twice.", field="actions")
    return actions or None


def _action(value: object) -> dict[str, Any]:
    given = _parts("actions", value, ("label", "id", "link"))
    if given.get("label") is None:
        raise InvalidInput("An action has a label.", field="actions")
    label = clean_line("actions", given.get("label"), LABEL_LENGTH)
    id, link = given.get("id"), given.get("link")
    if (id is None) == (link is None):
        raise InvalidInput("An action has either an id or a link.", field="actions")
    if id is None:
        address = clean_address("actions", link, ACTION_LINK_LENGTH)
        if not address:
            raise InvalidInput("The link of an action must not be empty.", field="actions")
        return {"label": label, "link": address}
    text = clean_text("actions", id, TYPE_LENGTH)
    if not is_type(text):
        raise InvalidInput(
            "The id of an action consists of letters, digits, '-', '_' and '.'.", field="actions"
        )
    return {"label": label, "id": text}


def clean_format(value: object, now: datetime | None) -> str:
    """Return one of FORMATS."""
    text = clean_text("format", value, FORMAT_LENGTH)
    if text not in FORMATS:
        raise InvalidInput(f"format must be one of {', '.join(FORMATS)}.", field="format")
    return text


def _parts(field: str, value: object, names: tuple[str, ...]) -> Mapping[str, Any]:
    """Return an object that has no other keys than these."""
    value = plain_scalar(value)
    if not is_object(value):
        raise InvalidInput(f"{field} must be made of objects.", field=field)
    given = object_of(value, field=field)
    for name in given:
        if name not in names:
            shown = repr(name)[:40]
            check_storable(shown, field=field)
            raise InvalidInput(f"{field} has no part {shown}.", field=field)
    return given
