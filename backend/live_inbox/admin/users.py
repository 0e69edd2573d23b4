"""Deletes users together with their inboxes, in any project's user admin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import NestedObjects
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.text import capfirst

from live_inbox import database
from live_inbox.models import Inbox, InboxEvent, Notification, NotificationPreference

if TYPE_CHECKING:
    _ModelAdmin = ModelAdmin[Any]
else:
    _ModelAdmin = object  # a mixin, which precedes a ModelAdmin

_USER_PATHS = {
    Notification: "recipient__in",
    NotificationPreference: "user__in",
    Inbox: "user__in",
    InboxEvent: "inbox__user__in",
}
"""The models of an inbox, each with the lookup of its user. The confirmation page counts their rows."""


class InboxUserAdminMixin(_ModelAdmin):
    """Lets an administrator delete users whose inboxes have rows.

    By default, Django's confirmation page loads and lists every related row, an inbox of a million notifications
    included. It also asks for the delete permission of each model, which nobody has for the event log. This mixin
    counts the rows of an inbox instead, and requires no permission for them beyond that of deleting the user.

    Put it before the project's own class:

        class UserAdmin(InboxUserAdminMixin, django.contrib.auth.admin.UserAdmin): ...

        admin.site.unregister(User)
        admin.site.register(User, UserAdmin)
    """

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Return the deleted objects, the counts by model, the missing permissions, and the protected objects."""
        users = list(objs)
        collector = _CollectorWithoutInboxes(using=database.alias(), origin=users)
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


class _CollectorWithoutInboxes(NestedObjects):
    """Collects the rows that are deleted with a user, without loading those of inboxes."""

    def related_objects(
        self, related_model: type[Model], related_fields: Any, objs: Any
    ) -> QuerySet[Any]:
        found = super().related_objects(related_model, related_fields, objs)
        return found.none() if related_model in _USER_PATHS else found


def _count_inboxes(users: Sequence[Any]) -> dict[str, int]:
    counts = {
        str(model._meta.verbose_name_plural): database.queryset(model)
        .filter(**{path: users})
        .count()
        for model, path in _USER_PATHS.items()
    }
    return {name: count for name, count in counts.items() if count}


def _describe(obj: Model) -> str:
    return f"{capfirst(str(obj._meta.verbose_name))}: {obj}"
