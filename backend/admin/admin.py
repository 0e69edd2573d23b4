"""The pages of the admin site, in one table. Django imports this module of every app."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import get_user_model

from backend.admin.inboxes import InboxAdmin
from backend.admin.log import InboxEventAdmin
from backend.admin.notifications import NotificationAdmin
from backend.admin.preferences import PreferenceAdmin
from backend.admin.users import UserAdmin
from backend.notifications.models import Inbox, InboxEvent, Notification, NotificationPreference

site = admin.site
site.site_header = site.site_title = "Notification inbox"

site.register(Notification, NotificationAdmin)
site.register(NotificationPreference, PreferenceAdmin)
site.register(Inbox, InboxAdmin)
site.register(InboxEvent, InboxEventAdmin)

# Django's own page of users has been registered by now: its app comes first.
User = get_user_model()
if site.is_registered(User):
    site.unregister(User)
site.register(User, UserAdmin)
