"""Shows what an inbox holds before its user is deleted, in any project's user admin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.admin import ModelAdmin
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
    """Counts the rows of an inbox on the page that asks whether to delete its user.

    Without the mixin, users are deleted with their inboxes all the same; the page just does not mention them. Deleting
    a user requires no permission for the rows of the inbox.

    Put it before the project's own class, or let `live_inbox.admin_site_extras` do that:

        class UserAdmin(InboxUserAdminMixin, django.contrib.auth.admin.UserAdmin): ...

        admin.site.unregister(User)
        admin.site.register(User, UserAdmin)
    """

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Return the deleted objects, the counts by model, the missing permissions, and the protected objects."""
        users = list(objs)
        found: Any = super().get_deleted_objects(users, request)
        listed, counts, lacking, protected = found
        inboxes = _count_inboxes(users)
        lines = [f"{capfirst(name)}: {count}" for name, count in inboxes.items()]
        return [*listed, *lines], {**counts, **inboxes}, lacking, protected


def _count_inboxes(users: Sequence[Any]) -> dict[str, int]:
    counts = {
        str(model._meta.verbose_name_plural): database.queryset(model)
        .filter(**{path: users})
        .count()
        for model, path in _USER_PATHS.items()
    }
    return {name: count for name, count in counts.items() if count}
