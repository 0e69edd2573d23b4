"""Form fields and widgets for primary keys. They accept any text without a database error."""

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
    """Whether a text is a valid key of this model, so that a query with it does not fail. Makes no query."""
    field: Any = model._meta.pk
    while field.remote_field is not None:
        field = field.target_field
    try:
        # `clean` checks the range of the column too: SQLite rejects larger integers even in comparisons.
        field.clean(text, None)
    except ValidationError:
        return False
    return is_storable_text(str(text))


class _SafeAutocomplete(_Widget):
    """Leaves invalid keys out of the query for the selected rows, where Django's widgets would raise.

    The fields that Select2 makes of it have names for screen readers.
    """

    @property
    def media(self) -> forms.Media:
        """The scripts of the widget, and one that gives the names."""
        return super().media + forms.Media(js=["live_inbox/admin/select_labels.js"])

    def optgroups(self, name: str, value: Any, attrs: Any = None) -> Any:
        """Return the selected rows."""
        model = self.choices.queryset.model
        return super().optgroups(name, [key for key in value if can_be_key(model, key)], attrs)


class SafeAutocompleteSelect(_SafeAutocomplete, AutocompleteSelect):
    """Django's autocomplete widget for one row; ignores invalid keys."""


class SafeAutocompleteSelectMultiple(_SafeAutocomplete, AutocompleteSelectMultiple):
    """Django's autocomplete widget for several rows; ignores invalid keys."""


def user_widget(field: Any, site: AdminSite) -> Widget:
    """Return a widget for a foreign key to a user: autocomplete, or a raw key if the site has no user admin."""
    if site.is_registered(field.remote_field.model):
        return SafeAutocompleteSelect(field, site)
    return ForeignKeyRawIdWidget(field.remote_field, site)


def users_widget(field: Any, site: AdminSite, choices: Any) -> Widget:
    """Return a widget for several users: autocomplete, or comma-separated keys if the site has no user admin."""
    if site.is_registered(field.remote_field.model):
        return SafeAutocompleteSelectMultiple(field, site, choices=choices)
    return ManyToManyRawIdWidget(field.remote_field, site)


class SafeModelMultipleChoiceField(_Choice):
    """Refuses invalid keys before the query, which they would fail."""

    def clean(self, value: Any) -> Any:
        """Return the rows with these keys."""
        queryset: Any = self.queryset
        for key in value or ():
            if not can_be_key(queryset.model, key):
                message = self.error_messages["invalid_pk_value"]
                raise ValidationError(message, code="invalid_pk_value", params={"pk": key})
        return super().clean(value)
