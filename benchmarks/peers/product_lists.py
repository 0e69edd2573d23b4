"""Times lists and marks in a small inbox and in a large one; imported by the script `product_timing.py`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Max, Min

from benchmarks.inboxes import LARGE, SMALL, UNREAD
from benchmarks.peers.product_filling import analyze, fill
from benchmarks.peers.product_modules import Inbox, Notification, selectors, services
from benchmarks.peers.turns import take_turns

LIST_TURNS = 60
PAGE = 20


def _new_user(name: str) -> Any:
    return get_user_model().objects.create_user(username=name).pk


def lists() -> dict[str, float]:
    """Compare what is done with a small inbox and with a large one."""
    figures: dict[str, float] = {}
    inboxes = {"small": _new_user("small"), "large": _new_user("large")}
    for (_, user_id), count in zip(inboxes.items(), (SMALL, LARGE), strict=True):
        fill(user_id, count)
    analyze()
    for name, operation in OPERATIONS.items():
        actions = {f"{name}_{size}": _bound(operation, user) for size, user in inboxes.items()}
        figures |= take_turns(actions, LIST_TURNS)
        figures[f"{name}_ratio"] = figures[f"{name}_large_us"] / figures[f"{name}_small_us"]
    return figures


def _bound(operation: Callable[[Any], object], user_id: Any) -> Callable[[], object]:
    return lambda: operation(user_id)


def _list(user_id: Any) -> object:
    return selectors.page(user_id=user_id, limit=PAGE)


def _older_page(user_id: Any) -> object:
    """Read a page from the middle of the list."""
    middle = _middle(user_id)
    return selectors.page(user_id=user_id, limit=PAGE, older_than=middle)


_middles: dict[Any, int] = {}


def _middle(user_id: Any) -> int:
    if user_id not in _middles:
        rows = Notification.objects.filter(recipient=user_id)
        ends = rows.aggregate(first=Min("id"), last=Max("id"))
        _middles[user_id] = (ends["first"] + ends["last"]) // 2
    return _middles[user_id]


def _unread_list(user_id: Any) -> object:
    return selectors.page(user_id=user_id, limit=PAGE, read=False)


def _count(user_id: Any) -> object:
    return selectors.inbox_state(user_id=user_id)


def _mark_read(user_id: Any) -> object:
    """Mark the newest as read; the next turn marks it as unread again."""
    newest = Notification.objects.filter(recipient=user_id).order_by("-added_sequence")
    pk, read_at = _newest.get(user_id) or newest.values_list("id", "read_at")[0]
    mark = services.mark_read if read_at is None else services.mark_unread
    done = mark(user_id=user_id, notification_id=pk)
    _newest[user_id] = (pk, done.notification.read_at)
    return done


_newest: dict[Any, tuple[int, Any]] = {}


OPERATIONS: dict[str, Callable[[Any], object]] = {
    "list": _list,
    "older_page": _older_page,
    "unread_list": _unread_list,
    "count": _count,
    "mark": _mark_read,
}


def mark_all() -> dict[str, float]:
    """Compare marking the same number of notifications in a small inbox and in a large one."""
    times: dict[str, list[float]] = {"small": [], "large": []}
    users = dict(get_user_model().objects.filter(username__in=times).values_list("username", "pk"))
    for _ in range(LIST_TURNS // 3):
        for name, user_id in users.items():
            _make_unread(user_id)
            began = time.perf_counter()
            services.mark_all_read(user_id=user_id)
            times[name].append(time.perf_counter() - began)
    found = {f"mark_all_{name}_us": 1e6 * statistics.median(all_) for name, all_ in times.items()}
    return found | {"mark_all_ratio": found["mark_all_large_us"] / found["mark_all_small_us"]}


def _make_unread(user_id: Any) -> None:
    """Take back the last mark-all-read, the log excepted."""
    with transaction.atomic():
        # An earlier checkout has no manager of its own for writing.
        Notification._base_manager.filter(pk__in=_last_ids(user_id)).update(read_at=None)
        Inbox.objects.filter(pk=user_id).update(unread_count=UNREAD)


def _last_ids(user_id: Any) -> list[int]:
    if user_id not in _unread_ids:
        page = selectors.page(user_id=user_id, limit=UNREAD)
        _unread_ids[user_id] = [notification.id for notification in page.notifications]
    return _unread_ids[user_id]


_unread_ids: dict[Any, list[int]] = {}
