"""What the chaos harness changes in the servers once Django is set up."""

from __future__ import annotations

import os

from django.apps import AppConfig


class ChaosConfig(AppConfig):
    """Sends subscriptions that are limited by types their position sooner: CHAOS_ADVANCE_SECONDS."""

    name = "tests.chaos"

    def ready(self) -> None:
        """Change the modules that have the number."""
        from live_inbox_graphql import advances, event_senders

        seconds = float(os.environ["CHAOS_ADVANCE_SECONDS"])
        for module in (advances, event_senders):
            assert hasattr(module, "ADVANCE_SECONDS"), "the number is elsewhere now"
            module.ADVANCE_SECONDS = seconds  # type: ignore[attr-defined]
