"""For any project's user admin: signs users out everywhere, and counts an inbox before its user is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.contrib.admin.options import IS_POPUP_VAR
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import pluralize
from django.utils.text import capfirst

from live_inbox import database
from live_inbox.admin.selection import refuse_large_selection
from live_inbox.models import Inbox, InboxEvent, Notification, NotificationPreference
from live_inbox.services.access import sign_out_everywhere

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
    """Adds the action "Sign out everywhere", and counts the rows of an inbox on the page that asks whether to delete
    its user.

    Without the mixin, users are deleted with their inboxes all the same; the page just does not mention them. Deleting
    a user requires no permission for the rows of the inbox.

    Put it before the project's own class, or let `live_inbox.admin_site_extras` do that:

        class UserAdmin(InboxUserAdminMixin, django.contrib.auth.admin.UserAdmin): ...

        admin.site.unregister(User)
        admin.site.register(User, UserAdmin)
    """

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the actions of the page, and "Sign out everywhere" for those who may change users."""
        actions: dict[str, Any] = super().get_actions(request)
        if IS_POPUP_VAR not in request.GET and self.has_change_permission(request):
            name = "sign_out_everywhere"
            actions.setdefault(name, (_sign_out_everywhere, name, "Sign out everywhere"))
        return actions

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


def _sign_out_everywhere(
    page: ModelAdmin[Any], request: HttpRequest, queryset: QuerySet[Any]
) -> None:
    if refuse_large_selection(page, request, queryset):
        return
    users = list(queryset)
    for user in users:
        sign_out_everywhere(user_id=user.pk)
        page.log_change(request, user, "Signed out everywhere.")
    count = len(users)
    page.message_user(
        request, f"{count} user{pluralize(count)} signed out everywhere.", messages.SUCCESS
    )


def _count_inboxes(users: Sequence[Any]) -> dict[str, int]:
    counts = {
        str(model._meta.verbose_name_plural): database.queryset(model)
        .filter(**{path: users})
        .count()
        for model, path in _USER_PATHS.items()
    }
    return {name: count for name, count in counts.items() if count}
