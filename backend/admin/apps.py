"""The Django app of the admin pages."""

from __future__ import annotations

from django.apps import AppConfig


class InboxAdminConfig(AppConfig):
    """Templates and the module `admin`, which registers the pages. It has no models."""

    name = "backend.admin"
    label = "inbox_admin"
    verbose_name = "Inbox administration"
