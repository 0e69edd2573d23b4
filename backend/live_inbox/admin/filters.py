"""The filters beside the lists. None of them reads a whole table to find its choices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from live_inbox.conf import inbox_settings


class ReadFilter(SimpleListFilter):
    """Read or unread."""

    title = "read"
    parameter_name = "read"

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> Iterable[tuple[str, str]]:
        """Return the choices."""
        return (("yes", "Read"), ("no", "Unread"))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Keep the rows of the choice."""
        if self.value() in ("yes", "no"):
            return queryset.filter(read_at__isnull=self.value() == "no")
        return None


class TypeFilter(SimpleListFilter):
    """The type, out of those that were used lately."""

    title = "type"
    parameter_name = "type"
    looks_at = 1000

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> Iterable[tuple[str, str]]:
        """Return the types of the newest rows, the required ones and the chosen one."""
        newest = model_admin.model._default_manager.order_by("-pk")[: self.looks_at]
        types = {*newest.values_list("type", flat=True), *inbox_settings().required_types}
        if chosen := request.GET.get(self.parameter_name):
            types.add(chosen)
        return [(type, type) for type in sorted(types)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Keep the rows of the choice."""
        return queryset.filter(type=self.value()) if self.value() else None


class ContentFilter(SimpleListFilter):
    """Inboxes with something unread, with nothing unread, and empty ones."""

    title = "content"
    parameter_name = "content"
    _choices: ClassVar = {
        "unread": ("Something unread", Q(unread_count__gt=0)),
        "read": ("All read", Q(unread_count=0, total_count__gt=0)),
        "empty": ("Empty", Q(total_count=0)),
    }

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> Iterable[tuple[str, str]]:
        """Return the choices."""
        return [(key, label) for key, (label, _) in self._choices.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Keep the rows of the choice."""
        value = self.value()
        return queryset.filter(self._choices[value][1]) if value in self._choices else None
