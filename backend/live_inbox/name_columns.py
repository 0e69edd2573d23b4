"""The columns that Django's own names of users are made of: enough to show users where a project has no other names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.query_utils import DeferredAttribute
from django.db.models.signals import post_init, pre_init

from live_inbox.columns import Columns, conversion_of, is_plain
from live_inbox.conf import inbox_settings
from live_inbox.events import Person
from live_inbox.plain_values import display_text
from live_inbox.shown_names import shown_name


def has_names_of_django() -> bool:
    """Whether users are called what Django's own model says, and nobody has a say in how they are made."""
    model = get_user_model()
    return (
        not inbox_settings().sender_name
        and _is_of_django(model, AbstractUser, "get_full_name")
        and _is_of_django(model, AbstractBaseUser, "get_username")
        and _is_of_django(model, models.Model, "__init__")
        and not pre_init.has_listeners(model)
        and not post_init.has_listeners(model)
    )


def _is_of_django(model: type[Any], base: type[Any], name: str) -> bool:
    return getattr(model, name, None) is getattr(base, name)


def fields_of_names(connection: BaseDatabaseWrapper) -> list[Any] | None:
    """Return the fields that Django makes a user's names of; None where it is not as plain as that."""
    model: Any = get_user_model()
    options = model._meta
    plain_model: Any = models.Model
    makes_otherwise = model.from_db.__func__ is not plain_model.from_db.__func__
    if makes_otherwise or model.__getattribute__ is not object.__getattribute__:
        return None
    names = [options.pk.name, model.USERNAME_FIELD, "first_name", "last_name"]
    fields = [field for name in names for field in options.concrete_fields if field.name == name]
    is_text = all(isinstance(field, models.CharField) for field in fields[1:])
    is_converted = any(conversion_of(field, connection) is not None for field in fields[1:])
    has_descriptors = any(
        type(vars(each).get(field.attname)) not in (type(None), DeferredAttribute)
        for field in fields
        for each in model.__mro__
    )
    is_usual = is_text and not is_converted and not has_descriptors and not options.parents
    is_usual = is_usual and all(map(is_plain, fields))
    return fields if len(fields) == len(names) and is_usual else None


def person_by_names(columns: Columns) -> Callable[[Sequence[Any]], Person]:
    """Return what makes of a row what `snapshots.person` makes of a user with Django's own names."""

    def person_of(row: Sequence[Any]) -> Person:
        key, username, first, last = columns.values(row)
        full_name = f"{first} {last}".strip()
        return Person(display_text(key), shown_name(username), shown_name(full_name))

    return person_of
