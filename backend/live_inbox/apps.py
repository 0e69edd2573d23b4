"""The Django app, with the doorbell and the deployment id of this process."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

from channels.layers import get_channel_layer
from django.apps import AppConfig, apps
from django.conf import settings

from live_inbox.conf import inbox_settings
from live_inbox.delivery.channel_layer import ChannelLayer
from live_inbox.delivery.doorbell import Doorbell
from live_inbox.delivery.doorbell_message import DoorbellCodec, derive_keys

if TYPE_CHECKING:
    from live_inbox.deployment_id import DeploymentIds


class LiveInboxConfig(AppConfig):
    """Holds the process's one doorbell, which services ring after a commit."""

    name = "live_inbox"
    label = "live_inbox"
    verbose_name = "Notification inbox"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Create the doorbell, register checks and signals. Nothing is connected before the first ring."""
        # Only now can a module be imported that imports models.
        self.deployment_ids: DeploymentIds = import_module(
            "live_inbox.deployment_id"
        ).DeploymentIds()
        self.doorbell = Doorbell(
            channel_layer, deployment=self.deployment_ids.current, codec=DoorbellCodec(_keys)
        )
        import_module("live_inbox.checks")
        import_module("live_inbox.account_signals").connect()
        import_module("live_inbox.database").measure_statements()
        # Here for servers that do not mount the sockets, such as `runserver` without Daphne.
        import_module("live_inbox.log_redaction").redact_server_logs()


def _keys() -> tuple[bytes, ...]:
    """Return the keys of doorbells. Like sessions, they survive a rotation of SECRET_KEY with SECRET_KEY_FALLBACKS."""
    return derive_keys(settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


def _config() -> LiveInboxConfig:
    return cast("LiveInboxConfig", apps.get_app_config("live_inbox"))


def channel_layer() -> ChannelLayer | None:
    """Return the channel layer that carries doorbells; None if the project has none."""
    return cast("ChannelLayer | None", get_channel_layer(inbox_settings().channel_layer_alias))


def deployment_id() -> str:
    """Return the id of the database. Raises a DatabaseError when it cannot be read."""
    return _config().deployment_ids.current()


def doorbell() -> Doorbell:
    """Return the doorbell of this process."""
    return _config().doorbell
