"""The filters of the change lists. None of them scans a table to find its choices."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from live_inbox import database
from live_inbox.admin.type_fields import channel_choices, type_label
from live_inbox.content import PRIORITIES
from live_inbox.declared_types import declared_types
from live_inbox.events import Folder
from live_inbox.listing.filters import ListFilter


class ValueFilter(SimpleListFilter):
    """Filters by the value of the field that the parameter is named after."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Return the rows of the selected choice."""
        chosen = Q((str(self.parameter_name), self.value()))
        return queryset.filter(chosen) if self.value() else None


class YesNoFilter(SimpleListFilter, ABC):
    """Filters by something that is so, or is not."""

    yes: str
    no: str
    """What the choices are called."""

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> Iterable[tuple[str, str]]:
        """Return the choices."""
        return (("yes", self.yes), ("no", self.no))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Return the rows of the selected choice."""
        value = self.value()
        return (
            queryset.filter(self.condition(is_so=value == "yes"))
            if value in ("yes", "no")
            else None
        )

    @abstractmethod
    def condition(self, *, is_so: bool) -> Q:
        """Return which rows are so, or are not."""


class ReadFilter(YesNoFilter):
    """Filters notifications by read or unread."""

    title = "read"
    parameter_name = "read"
    yes, no = "Read", "Unread"

    def condition(self, *, is_so: bool) -> Q:
        """Return which are read, or unread."""
        return Q(read_at__isnull=not is_so)


class TypeFilter(ValueFilter):
    """Filters by type. The choices are the declared types, by their labels, and the types of the newest rows."""

    title = "type"
    parameter_name = "type"
    newest_rows = 1000

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> Iterable[tuple[str, str]]:
        """Return the declared types, those of the newest rows, and the selected one."""
        newest = database.queryset(model_admin.model).order_by("-pk")[: self.newest_rows]
        types = {*newest.values_list("type", flat=True), *declared_types()}
        if chosen := request.GET.get(self.parameter_name):
            types.add(chosen)
        return [(type, type_label(type)) for type in sorted(types)]


class CategoryFilter(SimpleListFilter):
    """Filters by the category of declared types. Django shows it only where a type has one."""

    title = "category"
    parameter_name = "category"

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> Iterable[tuple[str, str]]:
        """Return the categories of the declared types."""
        found = {type.category for type in declared_types().values()} - {""}
        return [(category, category) for category in sorted(found)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Return the rows of the selected choice."""
        category = self.value()
        if not category:
            return None
        return queryset.filter(type__in=ListFilter.of(categories=[category]).listed_types)


class FolderFilter(ValueFilter):
    """Filters notifications by folder."""

    title = "folder"
    parameter_name = "folder"

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> Iterable[tuple[str, str]]:
        """Return the folders."""
        return [(folder.value, folder.value.capitalize()) for folder in Folder]


class PriorityFilter(ValueFilter):
    """Filters notifications by priority."""

    title = "priority"
    parameter_name = "priority"

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> Iterable[tuple[str, str]]:
        """Return the priorities, the most urgent first."""
        return [(priority, priority.capitalize()) for priority in reversed(PRIORITIES)]


class PinnedFilter(YesNoFilter):
    """Filters notifications by whether they are pinned."""

    title = "pinned"
    parameter_name = "pinned"
    yes, no = "Pinned", "Not pinned"

    def condition(self, *, is_so: bool) -> Q:
        """Return which are pinned, or are not."""
        return Q(pinned=is_so)


class ChannelFilter(ValueFilter):
    """Filters preferences by channel. Django shows it only where there is more than the inbox."""

    title = "channel"
    parameter_name = "channel"

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> Iterable[tuple[str, str]]:
        """Return the channels of the site."""
        choices = channel_choices()
        return choices if len(choices) > 1 else ()


class ContentFilter(SimpleListFilter):
    """Filters inboxes by content: with unread notifications, all read, or empty."""

    title = "content"
    parameter_name = "content"
    _choices: ClassVar = {
        "unread": ("Has unread", Q(unread_count__gt=0)),
        "read": ("All read", Q(unread_count=0, total_count__gt=0)),
        "empty": ("Empty", Q(total_count=0, archived_count=0, snoozed_count=0)),
    }

    def lookups(
        self, request: HttpRequest, model_admin: ModelAdmin[Any]
    ) -> Iterable[tuple[str, str]]:
        """Return the choices."""
        return [(key, label) for key, (label, _) in self._choices.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Return the rows of the selected choice."""
        value = self.value()
        return queryset.filter(self._choices[value][1]) if value in self._choices else None
