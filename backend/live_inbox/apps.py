"""The Django app, and the doorbell of this process."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from channels.layers import get_channel_layer
from django.apps import AppConfig, apps

from live_inbox.delivery.doorbell import Doorbell, PublishingLayer


class LiveInboxConfig(AppConfig):
    """Holds the process's one doorbell, which services ring after a commit."""

    name = "live_inbox"
    label = "live_inbox"
    verbose_name = "Notification inbox"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Create the doorbell and register the checks. Nothing is connected before the first ring."""
        self.doorbell = Doorbell(lambda: cast("PublishingLayer | None", get_channel_layer()))
        import_module("live_inbox.checks")


def doorbell() -> Doorbell:
    """Return the doorbell of this process."""
    return cast("LiveInboxConfig", apps.get_app_config("live_inbox")).doorbell
