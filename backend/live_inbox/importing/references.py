"""Objects that rows name by content type and key, as generic foreign keys do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import Model

from live_inbox.storable import is_storable_integer

Reference = tuple[int | None, str | None]
"""The id of a content type, and the primary key of an object as text."""


_CACHED = 100_000
"""Objects whose names are kept for the next pages, so that an actor of many rows is read once."""


class References:
    """What rows need to know of the objects that they name. `load` reads it, page by page."""

    def __init__(self) -> None:
        self._types: dict[int, ContentType] = {}
        self._names: dict[Reference, str] = {}
        self._user_ids: dict[Reference, Any] = {}

    def load(self, references: Iterable[Reference]) -> None:
        """Read the objects that are not known yet. Makes one query for each of their models."""
        if len(self._names) > _CACHED:
            self._names.clear()
            self._user_ids.clear()
        wanted: dict[int, set[str]] = defaultdict(set)
        for content_type, key in references:
            if content_type is None or key is None or (content_type, key) in self._names:
                continue
            wanted[content_type].add(key)
        for id, keys in wanted.items():
            self._load(id, keys)

    def _load(self, id: int, keys: set[str]) -> None:
        content_type = self._types[id] = ContentType.objects.get_for_id(id)
        objects = _find(content_type, keys)
        for key in keys:
            found = objects.get(key)
            self._names[id, key] = _name(found) or f"{content_type.name} {key}"
            if isinstance(found, get_user_model()):
                self._user_ids[id, key] = found.pk

    def user_id(self, reference: Reference) -> Any:
        """Return the primary key of the user that is named; None if there is none, or if it is another object."""
        return self._user_ids.get(reference)

    def name(self, reference: Reference) -> str | None:
        """Return what the object calls itself; its kind and key, such as "order 7", if it was deleted.

        Returns None without a reference.
        """
        return self._names.get(reference)

    def describe(self, reference: Reference) -> dict[str, str] | None:
        """Return the reference as JSON: `{"type": "shop.order", "id": "7"}`; None without one."""
        content_type, key = reference
        if content_type is None or key is None:
            return None
        named = self._types[content_type]
        return {"type": f"{named.app_label}.{named.model}", "id": key}


def _name(found: Model | None) -> str:
    """Return what an object calls itself; an empty text if there is none, or if its `__str__` fails."""
    try:
        return "" if found is None else str(found)
    except Exception:
        # The code of another project, about rows that may be years old. It must not stop the import.
        return ""


def _find(content_type: ContentType, keys: Iterable[str]) -> dict[str, Model]:
    """Return the objects by the text of their keys. Of a model that is no longer installed, there are none."""
    model = content_type.model_class()
    if model is None:
        return {}
    given = {_key(model, text): text for text in keys}
    given.pop(None, None)
    return {given[found.pk]: found for found in model._base_manager.filter(pk__in=given)}


def _key(model: type[Model], text: str) -> Any:
    try:
        key = model._meta.pk.to_python(text)
    except (ValidationError, OverflowError):
        return None
    return None if isinstance(key, int) and not is_storable_integer(key) else key
