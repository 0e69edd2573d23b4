"""Finds users by the value of a field: many in one query, with the same results as one query for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.db import models

from live_inbox import database
from live_inbox.composed_queries import fetch
from live_inbox.storable import is_storable_text

if TYPE_CHECKING:
    Field = models.Field[Any, Any]

# For these fields, Python compares a value from the database equal to the value in the query.
_COMPARABLE = (models.CharField, models.IntegerField, models.TextField, models.UUIDField)


def users_by(field: Field, texts: Iterable[str]) -> dict[str, AbstractBaseUser]:
    """Return for each text the one user whose field has that value, with the token revocation loaded.

    A value that no user has is absent, and so is a value that several users share: it identifies none of them.
    """
    values = {text: value for text in texts if (value := value_of(field, text)) is not None}
    wanted = list(values.values())
    users = _together(field, wanted) if len(wanted) > 1 else None
    if users is None:
        users = _one_by_one(field, wanted)
    return {text: users[value] for text, value in values.items() if value in users}


def users_with(keys: Collection[Any]) -> list[AbstractBaseUser]:
    """Return the users who have one of a few primary keys."""
    model = get_user_model()
    field: Field = model._meta.pk

    def loading() -> models.QuerySet[AbstractBaseUser]:
        return database.queryset(model).filter(pk__in=keys).order_by()

    if not (has_plain_rows(model._default_manager) and is_compared_plainly(field, "in")):
        return list(loading())
    connection = database.connection()
    values = [field.get_db_prep_value(key, connection) for key in keys]
    return fetch(("users with keys", len(values)), loading, values)


def value_of(field: Field, text: str) -> Any:
    """Return the text as a value of this field; None if the field cannot hold it.

    One value that the database rejects would fail the query for all others.
    """
    try:
        value = field.to_python(text)
    except (ValidationError, ValueError):
        return None
    if isinstance(value, str):
        return value if is_storable_text(value) else None
    if isinstance(value, int) and not _is_in_range(_column(field), value):
        return None
    return value


def _together(field: Field, values: Collection[Any]) -> Mapping[Any, AbstractBaseUser] | None:
    """Return the only user of each value; None if one query cannot decide."""
    if not isinstance(_column(field), _COMPARABLE):
        return None
    limit = 2 * len(values)
    users = list(_users().filter(**{f"{field.name}__in": values})[: limit + 1])
    by_value = defaultdict(list)
    for user in users:
        by_value[getattr(user, field.attname)].append(user)
    # Many users may share one value. The database may also treat more values as equal than Python does, for
    # example with a case-insensitive collation.
    if len(users) > limit or not by_value.keys() <= set(values):
        return None
    return {value: found[0] for value, found in by_value.items() if len(found) == 1}


def has_plain_rows(manager: models.Manager[Any]) -> bool:
    """Whether a manager gives all rows of its model, always: one of the project may choose them by what is active."""
    is_own = type(manager).get_queryset is not models.Manager.get_queryset
    return not is_own and getattr(manager, "_queryset_class", None) is models.QuerySet


def is_compared_plainly(field: Field, by: str = "exact") -> bool:
    """Whether Django compares the field's values, and no lookup of the project, which may change what it is given."""
    lookup = field.get_lookup(by)
    return lookup is not None and lookup.__module__.startswith("django.db.models.")


def _one_by_one(field: Field, values: Iterable[Any]) -> Mapping[Any, AbstractBaseUser]:
    users = {}
    for value in values:
        found = _with_value(field, value)
        if len(found) == 1:
            users[value] = found[0]
    return users


def _with_value(field: Field, value: Any) -> list[AbstractBaseUser]:
    """Return up to two users whose field has a value."""
    if not (has_plain_rows(get_user_model()._default_manager) and is_compared_plainly(field)):
        return list(_by_value(field, value))
    parameter = field.get_db_prep_value(value, database.connection())
    return fetch(("user by", field), lambda: _by_value(field, value), [parameter])


def _by_value(field: Field, value: Any) -> models.QuerySet[AbstractBaseUser]:
    return _users().filter(**{field.name: value})[:2]


def _users() -> models.QuerySet[AbstractBaseUser]:
    return (
        database.queryset(get_user_model()).select_related("live_inbox_token_revocation").order_by()
    )


def _column(field: Field) -> Field:
    """Return the column that holds the values: for a user model that extends another, the parent's key."""
    while isinstance(field, models.ForeignKey):
        field = field.target_field
    return field


def _is_in_range(field: Field, number: int) -> bool:
    if not isinstance(field, models.IntegerField):
        return True
    operations = database.connection().ops
    lowest, highest = operations.integer_field_range(field.get_internal_type())
    return lowest <= number <= highest
