"""What the standalone site changes about the admin: its title, and the page of users."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import get_user_model

from live_inbox.admin.users import UserAdmin

site = admin.site
site.site_header = site.site_title = "Notification inbox"

# Django's own page of users has been registered by now: its app comes first.
User = get_user_model()
if site.is_registered(User):
    site.unregister(User)
site.register(User, UserAdmin)
