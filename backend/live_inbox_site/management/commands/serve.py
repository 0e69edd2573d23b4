"""manage.py serve: runs the server."""

from __future__ import annotations

import logging
import os
import signal
import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import AbstractContextManager
from importlib.util import find_spec
from pathlib import Path
from socket import socket
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import connections

from live_inbox.management.arguments import whole_number
from live_inbox.management.inbox_command import InboxCommand
from live_inbox_site import demo, listening, serving
from live_inbox_site.environment import site_settings
from live_inbox_site.processors import usable_processors
from live_inbox_site.start_check import check_parts

logger = logging.getLogger(__name__)

MOST_WORKERS = 256
COULD_NOT_START = 3
"""The exit code of a server that could not begin to serve. docs/operating/deploying.md lists all of them."""

_PACKAGES = ("live_inbox", "live_inbox_graphql", "live_inbox_site")


def number_of_workers(text: str) -> int:
    """Parse a number of workers, or `auto`: one for each processor that this process may use."""
    if text == "auto":
        return min(usable_processors(), MOST_WORKERS)
    try:
        return whole_number(least=1, most=MOST_WORKERS)(text)
    except ArgumentTypeError:
        raise ArgumentTypeError(
            f"must be a whole number from 1 to {MOST_WORKERS}, or auto, not {text!r}."
        ) from None


class Command(InboxCommand):
    """Serves the whole product: pages, both APIs and their sockets."""

    help = (
        "Run the server. Unsafe settings are refused first. For several processes give --workers, or "
        "run `uvicorn live_inbox_site.asgi:application` under a supervisor of your own."
    )
    requires_system_checks = "__all__"  # type: ignore[assignment]  # Django's word for all

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare where to listen, the number of workers, and what else the server can do."""
        parser.add_argument(
            "--host", default="127.0.0.1", help="Address to listen on (default: %(default)s)."
        )
        place = parser.add_mutually_exclusive_group()
        place.add_argument(
            "--port",
            type=whole_number(least=0, most=65_535),
            default=8000,
            help="Port to listen on; 0 chooses a free one (default: %(default)s).",
        )
        place.add_argument(
            "--unix",
            type=Path,
            metavar="PATH",
            help="Listen on a Unix socket instead. Who may enter its directory may connect.",
        )
        place.add_argument(
            "--fd",
            type=whole_number(least=0),
            metavar="NUMBER",
            help="Listen on an open socket instead, which systemd has opened (its first one is 3).",
        )
        parser.add_argument(
            "--reuse-port",
            action="store_true",
            help="Let other servers of the same user, started likewise, listen on the same port (SO_REUSEPORT): each "
            "gets a part of the new connections.",
        )
        way = parser.add_mutually_exclusive_group()
        way.add_argument(
            "--workers",
            type=number_of_workers,
            default=1,
            help="Processes that share the port (default: 1); auto: one for each processor that may be used. With more "
            "than one, set REDIS_URL.",
        )
        way.add_argument(
            "--reload",
            action="store_true",
            help="Start anew when the code of the product changes. In development only.",
        )
        way.add_argument(
            "--check",
            action="store_true",
            help="Check the settings, the database, its migrations and the channel layer, say what is wrong, and exit.",
        )
        parser.add_argument(
            "--demo",
            action="store_true",
            help="Prepare the database and demo users first. In development only.",
        )

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Serve until a signal ends it."""
        settings = site_settings()
        if options["check"]:
            self._check()
            return None
        if options["demo"] and not settings.is_development:
            raise CommandError(
                "--demo makes users whose password everybody knows: it needs ENVIRONMENT=development."
            )
        if options["reload"] and not settings.is_development:
            raise CommandError("--reload is for ENVIRONMENT=development.")
        has_port = options["unix"] is None and options["fd"] is None
        if options["demo"] and not has_port:
            raise CommandError("--demo needs a port.")
        if options["demo"]:
            # Whoever asks for a demo says more than the file `.env`.
            os.environ.setdefault("ENVIRONMENT", "development")
        if options["reuse_port"] and not has_port:
            raise CommandError("--reuse-port needs a port.")
        watched = list(_directories()) if options["reload"] else []
        with _listening(options) as opened:
            message = f"Serving on {listening.place_of(opened)}."
            if has_port:
                port = opened.getsockname()[1]
                message = f"Serving on {options['host']}, port {port}."
                if options["demo"]:
                    message = demo.welcome(demo.prepare(), host=options["host"], port=port)
            # The server's threads have connections of their own.
            connections.close_all()
            ending = serving.serve(
                serving.server_config(settings, workers=options["workers"], watched=watched),
                opened,
                on_started=lambda: self._announce(message),
            )
        if not ending.could_start:
            sys.exit(COULD_NOT_START)
        if ending.was_interrupted_at_start:
            # As one process ends that is interrupted while it starts.
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            signal.raise_signal(signal.SIGINT)
        # One more Ctrl-C would only break the end of the interpreter, with a traceback.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        if ending.ended_by not in (None, signal.SIGINT):
            # So that whoever has started the server sees why it has ended.
            signal.raise_signal(ending.ended_by)
        return None

    def _check(self) -> None:
        # Django has checked the settings before it has called this.
        self._say("settings: ok")
        failed = []
        for part in check_parts():
            self._say(str(part))
            if part.problem is not None:
                failed.append(part.name)
        if failed:
            raise CommandError(f"A server could not work here: {', '.join(failed)}.")

    def _announce(self, message: str) -> None:
        if site_settings().logs_json:
            # A container has one stream for both, and each of its lines is a JSON object.
            logger.info(message)
        else:
            self._say(message)

    def _say(self, message: str) -> None:
        self.stdout.write(message)
        self.stdout.flush()


def _listening(options: dict[str, Any]) -> AbstractContextManager[socket]:
    if options["unix"] is not None:
        return listening.unix_socket(options["unix"])
    if options["fd"] is not None:
        return listening.inherited(options["fd"])
    return listening.bind(options["host"], options["port"], is_shared=options["reuse_port"])


def _directories() -> Iterator[Path]:
    """Yield where the code of the product is."""
    for name in _PACKAGES:
        package = find_spec(name)
        for directory in [] if package is None else package.submodule_search_locations or []:
            yield Path(directory)
