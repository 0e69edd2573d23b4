"""Primary keys as forms send them: whatever text somebody has put there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.admin import AdminSite
from django.contrib.admin.widgets import (
    AutocompleteSelect,
    AutocompleteSelectMultiple,
    ForeignKeyRawIdWidget,
    ManyToManyRawIdWidget,
)
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.forms import Widget

from live_inbox.storable import is_storable_text

if TYPE_CHECKING:
    _Widget = AutocompleteSelect
    _Choice = forms.ModelMultipleChoiceField[Any]
else:
    _Widget = object
    _Choice = forms.ModelMultipleChoiceField


def can_be_key(model: type[Model], text: object) -> bool:
    """Whether the database can be asked for a row with this key. Whether there is one is not looked at."""
    field: Any = model._meta.pk
    while field.remote_field is not None:
        field = field.target_field
    try:
        # Within the range of the column as well: SQLite does not take larger numbers, not even to compare.
        field.clean(text, None)
    except ValidationError:
        return False
    return is_storable_text(str(text))


class _ShowsKeysOnly(_Widget):
    """Asks the database for the chosen rows without what cannot be a key, where Django's widgets would fail."""

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        """Return the chosen rows."""
        model = self.choices.queryset.model
        return super().optgroups(name, [key for key in value if can_be_key(model, key)], attrs)


class OneRow(_ShowsKeysOnly, AutocompleteSelect):
    """A row that is found by typing."""


class SeveralRows(_ShowsKeysOnly, AutocompleteSelectMultiple):
    """Rows that are found by typing."""


def choose_user(field: Any, site: AdminSite) -> Widget:
    """Return a widget for a foreign key to a user: a search or, on a site without a page of users, a key."""
    if site.is_registered(field.remote_field.model):
        return OneRow(field, site)
    return ForeignKeyRawIdWidget(field.remote_field, site)


def choose_users(field: Any, site: AdminSite, choices: Any) -> Widget:
    """Return a widget for several users: a search or, on a site without a page of users, keys and commas."""
    if site.is_registered(field.remote_field.model):
        return SeveralRows(field, site, choices=choices)
    return ManyToManyRawIdWidget(field.remote_field, site)


class SeveralRowsField(_Choice):
    """Refuses what cannot be a key before the database is asked."""

    def clean(self, value: Any) -> Any:
        """Return the rows with these keys."""
        queryset: Any = self.queryset
        for key in value or ():
            if not can_be_key(queryset.model, key):
                message = self.error_messages["invalid_pk_value"]
                raise ValidationError(message, code="invalid_pk_value", params={"pk": key})
        return super().clean(value)
