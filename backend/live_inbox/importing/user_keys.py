"""The users that a source names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Field

from live_inbox import database
from live_inbox.errors import InvalidInput
from live_inbox.services.users import user_key

_CACHED = 100_000
"""Users that are kept for the next pages, so that each is looked up once: a query for thousands of keys is slow."""


class UserField:
    """The field of the user model by which a source names users: "pk", or any other one, such as "email"."""

    def __init__(self, name: str = "pk") -> None:
        """Raises InvalidInput if the user model has no such field."""
        options = get_user_model()._meta
        try:
            field = options.pk if name == "pk" else options.get_field(name)
        except FieldDoesNotExist:
            field = None
        if not isinstance(field, Field):
            raise InvalidInput(f"The user model has no field {name!r}.", field="user")
        self._name = name
        self._field: Field[Any, Any] = field
        self._found: dict[object, Any] = {}

    def find(self, values: Collection[object]) -> dict[object, Any]:
        """Return the primary keys of the users that these values name, and maybe of others.

        A value that names no user, or several, is left out. Makes one query at most.
        """
        if len(self._found) > _CACHED:
            self.forget()
        unknown = [value for value in values if value not in self._found]
        if unknown:
            self._found.update(self._query(unknown))
        return self._found

    def forget(self) -> None:
        """Look every user up again: some may have been deleted."""
        self._found.clear()

    def _query(self, values: Collection[object]) -> dict[object, Any]:
        named = {value: key for value in values if (key := self._cleaned(value)) is not None}
        if not named:
            return {}
        users = database.queryset(get_user_model()).filter(
            **{f"{self._name}__in": set(named.values())}
        )
        found: dict[Any, Any] = {}
        ambiguous = set()
        for cleaned, key in users.order_by().values_list(self._name, "pk"):
            if found.setdefault(cleaned, key) != key:
                ambiguous.add(cleaned)
        return {
            value: found[cleaned]
            for value, cleaned in named.items()
            if cleaned in found and cleaned not in ambiguous
        }

    def _cleaned(self, value: object) -> Any:
        """Return a value as the database compares it; None if no user can have it."""
        try:
            if self._name == "pk":
                return user_key(value, field="recipient")
            return self._field.to_python(value)
        except (InvalidInput, ValidationError, OverflowError):
            return None
