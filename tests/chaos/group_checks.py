"""What a log shows of groups: what comes with a group key folds over the one of its group in the inbox. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from tests.chaos.comparing import Comparisons
from tests.chaos.history import ADDED, GROUPED, EventContent, Notification, apply

MOST_ACTORS = 3
"""The latest other actors that the one that is shown names: docs/sending.md, "Groups"."""


def group_differences(events: Sequence[EventContent], counted: Comparisons) -> Iterator[str]:
    """Yield what a log shows wrong: counts, actors, and what has to be folded with an addition, and only then."""
    known: dict[int, Notification] = {}
    due: Notification | None = None
    for sequence, content in enumerate(events, 1):
        if content.what == GROUPED or due is not None:
            is_due = due is not None and content.notification_id == due.id
            counted["group.members"] += 1
            if content.what != GROUPED or not is_due:
                wanted = "nothing" if due is None else due.id
                yield f"{sequence}: {content.what} {content.notification_id}, {wanted} had to be folded"
        due = None
        shown = content.notification
        if content.what == ADDED and shown is not None:
            due = _under(shown, known)
            yield from (f"{sequence}: {each}" for each in _unlike(shown, due, counted))
        if shown is not None or all(id in known for id in content.ids):
            apply(content, known)
    if due is not None:
        yield f"{len(events)}: {due.id} had to be folded"


def _under(added: Notification, known: Mapping[int, Notification]) -> Notification | None:
    """Return what an addition takes under it: the newest of its group in the inbox."""
    of_group = [
        each
        for each in known.values()
        if added.group_key and each.group_key == added.group_key and each.folder == "inbox"
    ]
    return max(of_group, key=lambda each: each.rank, default=None)


def _unlike(added: Notification, under: Notification | None, counted: Comparisons) -> Iterator[str]:
    count, others, pinned = 1, [], False
    if under is not None:
        counted["group.count"] += 1
        counted["group.actors"] += under.actor != "null"
        count, pinned = under.group_count + 1, under.pinned
        for each in (json.loads(under.actor), *(json.loads(under.group_actors) or ())):
            if each is not None and each != json.loads(added.actor) and each not in others:
                others.append(each)
    if added.group_count != count:
        yield f"a group of {added.group_count}, not {count}"
    if (json.loads(added.group_actors) or []) != others[:MOST_ACTORS]:
        yield f"the actors {added.group_actors}, not {others[:MOST_ACTORS]}"
    if added.pinned != pinned:
        yield f"pinned: {added.pinned}"
