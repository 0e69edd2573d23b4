"""Changes the project's admin site: its titles, unless it has its own, and its user admin, if it has one."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth import get_user_model
from django.db.models import F, QuerySet
from django.http import HttpRequest

from live_inbox.admin.base import InboxModelAdmin
from live_inbox.admin.users import InboxUserAdminMixin

TITLE = "Notification inbox"


class InboxUserAdmin(InboxUserAdminMixin, InboxModelAdmin):
    """What the project's user admin gets beside its own: the unread count, and the inbox on the page of a deletion."""

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the project's columns and the number of unread notifications."""
        return (*super().get_list_display(request), "unread_notifications")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the users with their unread counts: one join, no further query."""
        users: Any = super().get_queryset(request)
        found: QuerySet[Any] = users.annotate(unread_notifications=F("live_inbox__unread_count"))
        return found

    @admin.display(description="unread", empty_value="0")
    def unread_notifications(self, user: Any) -> int | None:
        """The number of unread notifications; None for a user without an inbox."""
        count: int | None = user.unread_notifications
        return count


def change_titles(site: AdminSite) -> None:
    """Set the titles that the project has not set."""
    for name in ("site_header", "site_title"):
        if getattr(site, name) == getattr(AdminSite, name):
            setattr(site, name, TITLE)


def extend_user_admin(site: AdminSite) -> None:
    """Register the project's user admin again, with ours before it among its base classes."""
    users = get_user_model()
    if not site.is_registered(users):
        return
    theirs: type[ModelAdmin[Any]] = type(site.get_model_admin(users))
    if not issubclass(theirs, InboxUserAdmin):
        site.unregister(users)
        site.register(users, type(theirs.__name__, (InboxUserAdmin, theirs), {}))


change_titles(admin.site)
extend_user_admin(admin.site)
