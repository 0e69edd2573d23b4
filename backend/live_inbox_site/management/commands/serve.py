"""manage.py serve: runs the server."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connections

from live_inbox.management.arguments import whole_number
from live_inbox.management.inbox_command import InboxCommand
from live_inbox_site import demo, serving
from live_inbox_site.environment import site_settings


class Command(InboxCommand):
    """Serves the whole product: pages, both APIs and their sockets."""

    help = (
        "Run the server. Unsafe settings are refused first. For several processes give --workers, or "
        "run `uvicorn live_inbox_site.asgi:application` under a supervisor of your own."
    )
    requires_system_checks = "__all__"  # type: ignore[assignment]  # Django's word for all

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the address, and the number of workers."""
        parser.add_argument(
            "--host", default="127.0.0.1", help="Address to listen on (default: %(default)s)."
        )
        parser.add_argument(
            "--port",
            type=whole_number(least=0, most=65_535),
            default=8000,
            help="Port to listen on; 0 chooses a free one (default: %(default)s).",
        )
        parser.add_argument(
            "--workers",
            type=whole_number(least=1, most=256),
            default=1,
            help="Processes that share the port (default: 1). With more than one, set REDIS_URL.",
        )
        parser.add_argument(
            "--demo",
            action="store_true",
            help="Prepare the database and demo users first. In development only.",
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Serve until a signal ends it."""
        settings = site_settings()
        if options["demo"] and not settings.is_development:
            raise CommandError(
                "--demo makes users whose password everybody knows: it needs ENVIRONMENT=development."
            )
        if options["demo"]:
            # Whoever asks for a demo says more than the file `.env`.
            os.environ.setdefault("ENVIRONMENT", "development")
        listening = serving.bind(options["host"], options["port"])
        with listening:
            port = listening.getsockname()[1]
            message = f"Serving on {options['host']}, port {port}."
            if options["demo"]:
                message = demo.welcome(demo.prepare(), host=options["host"], port=port)
            # The server's threads have connections of their own.
            connections.close_all()
            started = serving.serve(
                serving.server_config(settings, workers=options["workers"]),
                listening,
                on_started=lambda: self._say(message),
            )
        if not started:
            sys.exit(1)
        return None

    def _say(self, message: str) -> None:
        self.stdout.write(message)
        self.stdout.flush()
