"""A next release, for as long as the history has no two: the checkout with what a release may bring.

A change that does not fit the code any more raises Stale: it has to be brought up to date.
"""

from __future__ import annotations

from pathlib import Path

from tests.planted.planted_bug import Stale
from tests.upgrades.release_trees import ReleaseTree, copy_of_checkout

VERSION = "0.2.0"

_COLUMNS = """\
from django.db import migrations, models

from live_inbox.migrations._operations import LimitLockWaits


class Migration(migrations.Migration):
    dependencies = [("live_inbox", "0001_initial")]
    operations = [
        LimitLockWaits(),
        migrations.AddField(
            "notification", "shade", models.CharField(max_length=16, null=True, editable=False)
        ),
        migrations.AddField(
            "inboxevent", "origin", models.CharField(max_length=16, db_default="", editable=False)
        ),
    ]
"""
_INDEX = """\
from django.db import migrations, models

from live_inbox.migrations._operations import AddIndexWhileServing


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("live_inbox", "0002_columns")]
    operations = [
        AddIndexWhileServing(
            "notification", models.Index(fields=["shade"], name="notification_shade")
        ),
    ]
"""

APP, SCHEMA = "backend/live_inbox", "graphql_schema/live_inbox_graphql"
MODELS, EVENTS = f"{APP}/models.py", f"{APP}/events.py"
SERVICES, DOORBELL = f"{APP}/services", f"{APP}/delivery/doorbell_message.py"

NEW_FILES = {
    f"{APP}/migrations/0002_columns.py": _COLUMNS,
    f"{APP}/migrations/0003_index.py": _INDEX,
}

CHANGES: tuple[tuple[str, str, str], ...] = (
    (f"{APP}/__init__.py", '__version__ = "0.1.0"', f'__version__ = "{VERSION}"'),
    # Two columns and an index.
    (
        MODELS,
        "    pinned = models.BooleanField(default=False)\n",
        "    pinned = models.BooleanField(default=False)\n"
        "    shade = models.CharField(max_length=16, null=True, editable=False)\n",
    ),
    (
        MODELS,
        '            models.Index("recipient", "folder", NegatedRank(rank()), name="notification_list"),\n',
        '            models.Index("recipient", "folder", NegatedRank(rank()), name="notification_list"),\n'
        '            models.Index(fields=["shade"], name="notification_shade"),\n',
    ),
    (
        MODELS,
        "    payload = models.JSONField(editable=False)\n",
        "    payload = models.JSONField(editable=False)\n"
        '    origin = models.CharField(max_length=16, db_default="", editable=False)\n',
    ),
    # A change of a notification: what was "pinned" is "starred", an event and a change with a name of its own.
    (
        EVENTS,
        '    UNPINNED = "unpinned"',
        '    STARRED = "starred", PayloadType.NOTIFICATION, "NotificationUpdated", None\n'
        '    UNPINNED = "unpinned"',
    ),
    (f"{SERVICES}/pinning.py", "        return Kind.PINNED\n", "        return Kind.STARRED\n"),
    (
        f"{SERVICES}/changing.py",
        '    Kind.PINNED: ("pinned",),\n',
        '    Kind.PINNED: ("pinned",),\n    Kind.STARRED: ("pinned",),\n',
    ),
    (
        f"{SERVICES}/event_signals.py",
        "        case Kind.PINNED:\n",
        "        case Kind.PINNED | Kind.STARRED:\n",
    ),
    (
        f"{SCHEMA}/events.py",
        '    UNPINNED = strawberry.enum_value("unpinned", description="It was unpinned.")\n',
        '    UNPINNED = strawberry.enum_value("unpinned", description="It was unpinned.")\n'
        '    STARRED = strawberry.enum_value("starred", description="It was starred.")\n',
    ),
    # An event of a kind and a payload that nobody knew, and a type of its own in GraphQL.
    (
        EVENTS,
        "    UNKNOWN = auto()\n",
        "    VISIT = auto()\n    UNKNOWN = auto()\n",
    ),
    (EVENTS, '    "InboxReset",\n]', '    "InboxReset",\n    "InboxVisited",\n]'),
    (
        EVENTS,
        '    SEEN = "seen"',
        '    VISITED = "visited", PayloadType.VISIT, "InboxVisited", None\n    SEEN = "seen"',
    ),
    (
        f"{SERVICES}/seeing.py",
        "event_of(Kind.SEEN, numbered, now, count=count, through_rank=through)",
        'event_of(Kind.VISITED, numbered, now, visit={"seen": count, "through": [through]})',
    ),
    (
        f"{SERVICES}/event_signals.py",
        "        case Kind.SEEN:\n",
        "        case Kind.SEEN | Kind.VISITED:\n",
    ),
    (
        f"{SCHEMA}/events.py",
        "\n\nEVENT_TYPES = (\n",
        '\n\n@strawberry.type(description="The list was opened.")\n'
        "class InboxVisited(NotificationEvent):\n"
        "    seen: int\n"
        "\n\nEVENT_TYPES = (\n    InboxVisited,\n",
    ),
    (
        f"{SCHEMA}/events.py",
        "        case PayloadType.UNKNOWN:\n",
        '        case PayloadType.VISIT:\n            return {"seen": event.visit["seen"]}\n'
        "        case PayloadType.UNKNOWN:\n",
    ),
    # Fields of events: that of the new payload, and one of all events.
    (
        EVENTS,
        "    notification_ids: list[int] | None = None\n",
        "    notification_ids: list[int] | None = None\n"
        "    visit: dict[str, Any] | None = None\n"
        '    origin: str = "next"\n',
    ),
    (
        EVENTS,
        "    ids: list[int] | None = None\n",
        "    ids: list[int] | None = None\n"
        "    visit: dict[str, Any] | None = None\n"
        '    origin: str = ""\n',
    ),
    (
        EVENTS,
        "            ids=event.notification_ids,\n",
        "            ids=event.notification_ids,\n"
        "            visit=event.visit,\n"
        "            origin=event.origin,\n",
    ),
    (
        EVENTS,
        "        kept.ids,\n",
        '        kept.ids,\n        kept.visit,\n        kept.origin or "next",\n',
    ),
    # A doorbell of a higher version, with a field of the message and one of its body.
    (DOORBELL, "VERSION = 2\n", "VERSION = 3\n"),
    (
        DOORBELL,
        '            "type": MESSAGE_TYPE,\n',
        '            "type": MESSAGE_TYPE,\n            "release": "next",\n',
    ),
    (
        DOORBELL,
        '    """Encoded events by inbox. None at all: the account of the inbox\'s user has changed."""\n',
        '    """Encoded events by inbox. None at all: the account of the inbox\'s user has changed."""\n'
        "    region: str = 'here'\n",
    ),
)
"""Files, texts that occur once in them, and what stands there in the next release."""


def next_release(directory: Path) -> ReleaseTree:
    """Make the next release in a directory. Raises Stale."""
    tree = copy_of_checkout(directory)
    for name, text in NEW_FILES.items():
        (directory / name).write_text(text)
    for name, original, replacement in CHANGES:
        path = directory / name
        before = path.read_text()
        if before.count(original) != 1:
            raise Stale(f"{name} has this {before.count(original)} times, not once:\n{original}")
        path.write_text(before.replace(original, replacement))
    return tree
