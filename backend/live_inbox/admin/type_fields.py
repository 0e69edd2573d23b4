"""How forms and filters of the admin offer the declared types and channels."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from live_inbox.conf import inbox_settings
from live_inbox.declared_types import declared_type, declared_types


def type_label(type: str) -> str:
    """Return a type with its label, if it is declared with one."""
    label = str(declared_type(type).label)
    return f"{label} ({type})" if label else type


def type_widget() -> forms.Widget:
    """Return a widget that offers the declared types; where others are refused, it takes no others."""
    choices = [(type, type_label(type)) for type in declared_types()]
    if not inbox_settings().undeclared_types:
        return forms.Select(choices=choices)
    return _SuggestingInput(choices)


def channel_choices() -> list[tuple[str, str]]:
    """Return the channels of the site, with their labels."""
    declared = inbox_settings().all_channels
    return [(slug, str(channel.label) or slug) for slug, channel in declared.items()]


def channel_widget() -> forms.Widget:
    """Return a widget that offers the channels; a hidden field where there is only the inbox."""
    choices = channel_choices()
    return forms.Select(choices=choices) if len(choices) > 1 else forms.HiddenInput()


class _SuggestingInput(forms.TextInput):
    """A text field with suggestions (`<datalist>`): it takes other texts as well."""

    def __init__(self, suggestions: list[tuple[str, str]]) -> None:
        super().__init__()
        self._suggestions = suggestions

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Return the field, and its suggestions if there are any."""
        if not self._suggestions:
            return super().render(name, value, attrs, renderer)
        list_id = f"{name}-suggestions"
        field = super().render(name, value, {**(attrs or {}), "list": list_id}, renderer)
        options = format_html_join("", '<option value="{}">{}</option>', self._suggestions)
        return format_html('{}<datalist id="{}">{}</datalist>', field, list_id, options)
