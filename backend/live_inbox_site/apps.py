"""The site as a Django app: its checks, commands and templates. It has no models."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class LiveInboxSiteConfig(AppConfig):
    """Has Django check the site's settings before every command."""

    name = "live_inbox_site"
    label = "live_inbox_site"
    verbose_name = "Notification inbox site"

    def ready(self) -> None:
        """Register the checks."""
        import_module("live_inbox_site.checks")
