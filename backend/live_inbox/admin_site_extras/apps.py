"""The Django app. It has no models."""

from __future__ import annotations

from django.apps import AppConfig


class AdminSiteExtrasConfig(AppConfig):
    """Has its module `admin` imported with those of the other apps."""

    name = "live_inbox.admin_site_extras"
    label = "live_inbox_admin_site_extras"
    verbose_name = "Notification inbox: admin site"
