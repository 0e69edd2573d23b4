"""The Django app, and the doorbell of this process."""

from __future__ import annotations

from typing import cast

from channels.layers import get_channel_layer
from django.apps import AppConfig, apps

from backend.delivery.doorbell import Doorbell, PublishingLayer


class NotificationsConfig(AppConfig):
    """Holds the models and the process's one doorbell, which services ring after a commit."""

    name = "backend.notifications"
    label = "notifications"
    verbose_name = "Notification inbox"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Hang up the doorbell. Nothing is connected before the first ring."""
        self.doorbell = Doorbell(lambda: cast("PublishingLayer | None", get_channel_layer()))


def doorbell() -> Doorbell:
    """Return the doorbell of this process."""
    return cast("NotificationsConfig", apps.get_app_config("notifications")).doorbell
