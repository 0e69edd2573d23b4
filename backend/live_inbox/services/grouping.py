"""Grouping: notifications with the same group key fold into one row of the list, the newest.

A new notification takes the one of its group that is in the inbox under it: that moves to the folder `grouped`, with an
event of its own. The new one counts all that it stands for, and names the latest other actors. What is folded stays a
notification: it can be listed, edited and recalled, and keeps its idempotency key.

Once there are two, all of a group have the id of the first as `group_root`, and all but one are in the folder
`grouped`. A group ends when that one leaves the inbox: the next notification with the key begins another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from live_inbox import database
from live_inbox.events import Event, Folder, Kind
from live_inbox.models import NegatedRank, Notification, rank
from live_inbox.services.changing import save_fields
from live_inbox.services.counting import NONE, counts_of
from live_inbox.services.event_recording import event_of
from live_inbox.services.group_members import members
from live_inbox.services.inbox_rows import advance, lock_all, save_all
from live_inbox.services.removal_rows import RemovalRow
from live_inbox.services.removing import remove
from live_inbox.snapshots import snapshot

MOST = 50
"""Notifications of a group that are kept, with the one that is shown. Older ones are deleted."""

MOST_ACTORS = 3
"""Other actors that the one that is shown names."""


@dataclass(frozen=True, slots=True)
class Fold:
    """What a new notification takes under it, and shows of its group from then on."""

    under: Notification
    count: int
    actors: list[dict[str, Any]] | None

    @classmethod
    def over(cls, shown: Notification, actor: Mapping[str, Any] | None) -> Fold:
        """Return the fold of a notification with this actor over the one that has been shown."""
        others: list[dict[str, Any]] = []
        for each in (shown.actor, *(shown.group_actors or ())):
            if each is not None and each != actor and each not in others:
                others.append(each)
        return cls(shown, shown.group_count + 1, others[:MOST_ACTORS] or None)

    @property
    def root(self) -> int:
        """The id of the first notification of the group."""
        return self.under.pk if self.under.group_root is None else self.under.group_root

    def fields(self) -> dict[str, Any]:
        """Return what the new notification shows of its group, and takes over from the one before."""
        return {
            "group_count": self.count,
            "group_actors": self.actors,
            "pinned": self.under.pinned,
        }


def folds_of(given: Mapping[Any, Notification]) -> dict[Any, Fold]:
    """Return what unsaved notifications fold over, by the users whose locked inboxes they are for.

    One statement for any number of them, and none without a group key.
    """
    keyed = {user: draft for user, draft in given.items() if draft.group_key}
    if not keyed:
        return {}
    shown = database.queryset(Notification).filter(
        recipient__in=keyed,
        group_key__in={draft.group_key for draft in keyed.values()},
        folder=Folder.INBOX.value,
    )
    oldest_first = (
        shown.select_related("sender").alias(order=NegatedRank(rank())).order_by("-order")
    )
    return {
        each.recipient_id: Fold.over(each, draft.actor)
        for each in oldest_first
        if each.group_key == (draft := keyed[each.recipient_id]).group_key
    }


def fold(folds: Mapping[Any, Fold], ids: Mapping[Any, int], moment: datetime) -> list[Event]:
    """Take notifications under those that were inserted, whose ids are given by user; return the events.

    They are to be recorded after those of the insertion. The number of statements does not depend on that of inboxes.
    """
    if not folds:
        return []
    above = [
        Notification(pk=ids[user], group_root=fold.root, **fold.fields())
        for user, fold in folds.items()
    ]
    save_fields(("group_root", "group_count", "group_actors", "pinned"), above)
    inboxes = lock_all(folds.keys())
    events = []
    for user, fold in folds.items():
        shown, inbox = fold.under, inboxes[user]
        numbered = advance(inbox, NONE.minus(counts_of(shown, inbox.seen_through)))
        shown.group_root, shown.folder, shown.pinned = fold.root, Folder.GROUPED.value, False
        events.append(
            event_of(
                Kind.GROUPED,
                numbered,
                moment,
                notification=snapshot(shown),
                notification_id=shown.pk,
            )
        )
    save_fields(("group_root", "folder", "pinned"), [fold.under for fold in folds.values()])
    save_all(inboxes.values())
    return events + remove(inboxes, _above_most(folds.values()), Kind.DELETED, moment)


def _above_most(folds: Iterable[Fold]) -> list[RemovalRow]:
    """Return the oldest of groups that have more than MOST."""
    long = [fold.root for fold in folds if fold.count > MOST]
    return [row for of_group in members(long).values() for row in of_group[MOST - 1 :]]
