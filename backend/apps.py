"""The site as a Django app: what no part of it can do alone."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Has Django check our settings before every command."""

    name = "backend"
    label = "inbox_site"

    def ready(self) -> None:
        """Register the checks."""
        import_module("backend.checks")
