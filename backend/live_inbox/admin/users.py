"""The page of users: Django's own, but for what it says when one is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import NestedObjects
from django.contrib.auth import admin as django_pages
from django.contrib.auth import get_user_model
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst

from live_inbox.admin.pages import Page
from live_inbox.models import Inbox, InboxEvent, Notification, NotificationPreference

_COUNTED = {
    Notification: "recipient__in",
    NotificationPreference: "user__in",
    Inbox: "user__in",
    InboxEvent: "inbox__user__in",
}
"""What goes with a user, in numbers."""


if TYPE_CHECKING:
    UserPage = django_pages.UserAdmin[Any]
else:
    UserPage = django_pages.UserAdmin


class _WithoutInboxes(NestedObjects):
    """Collects what is deleted with a user, but does not load inboxes: they may have a million rows."""

    def related_objects(
        self, related_model: type[Model], related_fields: Any, objs: Any
    ) -> QuerySet[Any]:
        found = super().related_objects(related_model, related_fields, objs)
        return found.none() if related_model in _COUNTED else found


class UserAdmin(Page, UserPage):
    """Lets users be deleted with their inboxes, which nobody may delete by themselves.

    Django asks for the permission to delete each thing that goes, names every single one, and cannot go on
    when it is a log, which has no such permission. Here the inbox goes with its user, in numbers.
    """

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Return what is deleted, how many of each, which permissions are lacking, and what prevents it."""
        users = list(objs)
        collector = _WithoutInboxes(using=get_user_model()._default_manager.db, origin=users)
        collector.collect(users)
        found: Any = collector.model_objs
        counts = {str(model._meta.verbose_name_plural): len(rows) for model, rows in found.items()}
        inboxes = _count_inboxes(users)
        lacking = {
            str(model._meta.verbose_name) for model in found if not self._may_delete(request, model)
        }
        listed = collector.nested(_describe)
        listed.extend(f"{capfirst(name)}: {count}" for name, count in inboxes.items())
        return listed, counts | inboxes, lacking, [_describe(obj) for obj in collector.protected]

    def _may_delete(self, request: HttpRequest, model: type[Model]) -> bool:
        if not self.admin_site.is_registered(model):
            return True
        return self.admin_site.get_model_admin(model).has_delete_permission(request)


def _count_inboxes(users: Sequence[Any]) -> dict[str, int]:
    counts = {
        str(model._meta.verbose_name_plural): model._default_manager.filter(**{path: users}).count()
        for model, path in _COUNTED.items()
    }
    return {name: count for name, count in counts.items() if count}


def _describe(obj: Model) -> str:
    return f"{capfirst(str(obj._meta.verbose_name))}: {obj}"
