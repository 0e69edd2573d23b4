"""The admin of the standalone site: its title, and a user admin that deletes inboxes with their users."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin

from live_inbox.admin.base import InboxModelAdmin
from live_inbox.admin.users import InboxUserAdminMixin

site = admin.site
site.site_header = site.site_title = "Notification inbox"


class UserAdmin(InboxUserAdminMixin, InboxModelAdmin, DjangoUserAdmin):  # type: ignore[type-arg]  # generic in stubs only
    """Django's user admin with the inbox's behaviour."""


# Django's app comes first in INSTALLED_APPS and has registered its user admin by now.
User = get_user_model()
if site.is_registered(User):
    site.unregister(User)
site.register(User, UserAdmin)
