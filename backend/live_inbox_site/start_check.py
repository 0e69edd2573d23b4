"""Whether a server could work here: its database, its migrations and its channel layer (`manage.py serve --check`)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections

from live_inbox import database
from live_inbox.conf import inbox_settings
from live_inbox.database_check import STEPS, UnappliedMigrations
from live_inbox.database_threads import in_lane_within
from live_inbox.faults import in_one_line
from live_inbox.lanes import Lane
from live_inbox.redaction import redacted

DATABASE_SECONDS = 15.0
"""How long each step with the database may take, with connecting to each of several hosts."""

LAYER_SECONDS = 5.0
"""How long a message may take through the channel layer."""


@dataclass(frozen=True)
class Part:
    """What was found out about one part.

    `problem`: one line that says what is wrong; None if it works. `place`: where it was looked for, without a password.
    """

    name: str
    problem: str | None = None
    note: str = ""
    place: str = ""

    def __str__(self) -> str:
        """Return the line that an operator reads."""
        found = self.problem or self.note or "ok"
        return f"{self.name}: {found} ({self.place})" if self.place else f"{self.name}: {found}"


def check_parts() -> Iterator[Part]:
    """Try each part in turn, and yield what was found out. Tables are not looked for in a database that is away."""
    for name, step in STEPS.items():
        place = _place_of_database() if name == "database" else ""
        part = Part(name, _problem_of(partial(_in_thread_of_a_server, step)), place=place)
        yield part
        if part.problem is not None and name == "database":
            break
    yield check_layer()


def _place_of_database() -> str:
    """Return which database it is: whoever has set another one than intended sees it here."""
    settings = connections[database.alias()].settings_dict
    name = str(settings["NAME"])
    if "sqlite" in settings["ENGINE"]:
        return f"SQLite {name}"
    host, port = settings["HOST"], settings["PORT"]
    where = f" on {host}{f':{port}' if port else ''}" if host else ""
    return f"PostgreSQL {name}{where}"


def _in_thread_of_a_server(step: Callable[[], None]) -> None:
    """Make a step where servers make it: without the pool, which says only that it could not connect in time."""
    asyncio.run(in_lane_within(Lane.READINESS, DATABASE_SECONDS, step))


def check_layer() -> Part:
    """Try the channel layer, and return what was found out."""
    name = "channel layer"
    try:
        layer = get_channel_layer(inbox_settings().channel_layer_alias)
    except ImproperlyConfigured as error:
        return Part(name, str(error))
    if layer is None or isinstance(layer, InMemoryChannelLayer):
        return Part(name, note="none between processes: REDIS_URL is not set")
    return Part(name, _problem_of(lambda: asyncio.run(_send_and_receive(layer))))


async def _send_and_receive(layer: object) -> None:
    """Send a message to a group of this process alone, as a doorbell is sent, and wait for it."""
    group = f"inbox-check-{secrets.token_hex(8)}"
    async with asyncio.timeout(LAYER_SECONDS):
        channel = await layer.new_channel()  # type: ignore[attr-defined]  # any layer's
        await layer.group_add(group, channel)  # type: ignore[attr-defined]
        await layer.group_send(group, {"type": "check"})  # type: ignore[attr-defined]
        await layer.receive(channel)  # type: ignore[attr-defined]
        await layer.group_discard(group, channel)  # type: ignore[attr-defined]


def _problem_of(step: Callable[[], None]) -> str | None:
    try:
        step()
    except UnappliedMigrations:
        return "run manage.py migrate"
    except DatabaseError as error:
        if _is_without_tables(error):
            return "it has no tables of the inbox: run manage.py migrate"
        return redacted(in_one_line(error))
    except TimeoutError:
        return "no answer in time"
    except Exception as error:
        return redacted(in_one_line(error))
    return None


def _is_without_tables(error: DatabaseError) -> bool:
    undefined_table = "42P01"
    state = getattr(error.__cause__, "sqlstate", None)
    return state == undefined_table or "no such table" in str(error)
