"""Any operations on a few inboxes, in any order, against a model in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import transaction
from django.test import TestCase
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from live_inbox import selectors, services
from live_inbox.content import PRIORITIES
from live_inbox.delivery.log import ResetReason
from live_inbox.delivery.position import ORIGIN, Position
from live_inbox.errors import Conflict, InvalidInput, NotFound
from live_inbox.events import Folder
from live_inbox.listing import list_statements
from live_inbox.maintenance.deliveries import deliver_due
from live_inbox.maintenance.expiry import Expired, expire_due
from live_inbox.maintenance.pruning import prune_events
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.maintenance.snoozes import return_due
from live_inbox.maintenance.undo_pruning import prune_undo
from live_inbox.models import InboxEvent, Notification, ScheduledSend, UndoStep
from live_inbox.selectors import ListFilter
from live_inbox.services import bulk_changes
from live_inbox.services.undo_steps import UNDO_SECONDS
from tests.domain.doorbells import RememberingDoorbell
from tests.domain.replica import Replica

USERS = st.integers(0, 2)
TYPES = st.sampled_from(["general", "news", "approval"])
FOLDERS = st.just(Folder.INBOX) | st.sampled_from(Folder)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "types": st.none() | st.lists(TYPES, max_size=3),
        "read": st.booleans(),
        "seen": st.booleans(),
        "priorities": st.lists(st.sampled_from(PRIORITIES), max_size=3),
        "folder": FOLDERS,
        "pinned": st.booleans(),
        "text": st.sampled_from(["A", "b", " ", "MAN many", "a man"]),
    },
)
ACTIONS = [
    {"label": "Yes", "id": "yes"},
    {"label": "No", "id": "no"},
    {"label": "Open", "link": "/"},
]
TIME = datetime(2026, 1, 1, tzinfo=UTC)
ENDS = st.none() | st.integers(3, 30).map(lambda seconds: TIME + timedelta(seconds=seconds))
"""Every operation takes a second, so some have come to their end before others are sent."""


@dataclass
class Item:
    """A notification, as the model knows it."""

    id: int
    type: str
    read: bool
    added: int
    """The sequence at which it came to the top."""
    ends: datetime | None
    rank: int
    folder: Folder = Folder.INBOX
    until: datetime | None = None
    pinned: bool = False
    has_actions: bool = False
    performed: str | None = None
    edited: datetime | None = None
    priority: str = "normal"
    title: str = "many"
    read_by: str | None = None
    """The token of the bulk change that marked it."""
    archived_at: int = 0
    """The sequence at which it was last archived."""


@dataclass
class Step:
    """What one event of a bulk change has done, as the model knows it."""

    sequence: int
    items: list[Item]
    """As they were before."""
    keys: dict[tuple[int, str], tuple[int, tuple[object, ...]]]


@dataclass
class Bulk:
    """A bulk change that can be undone."""

    user: int
    kind: str
    at: datetime
    steps: list[Step]


@dataclass
class Waiting:
    """A scheduled send, as the model knows it."""

    id: int
    user: int
    type: str
    due: datetime
    title: str


@dataclass
class Model:
    """An inbox in plain Python."""

    items: dict[int, Item] = field(default_factory=dict)
    sequence: int = 0
    first: int = 1
    off: set[str] = field(default_factory=set)
    seen_through: int = 0

    @property
    def listed(self) -> list[Item]:
        return [item for item in self.items.values() if item.folder is Folder.INBOX]

    @property
    def unread(self) -> int:
        return sum(not item.read for item in self.listed)

    @property
    def unseen(self) -> int:
        return sum(not item.read and item.rank > self.seen_through for item in self.listed)

    def filtered(self, conditions: dict[str, Any]) -> list[int]:
        """Return ids, newest first."""
        return [
            item.id
            for item in sorted(self.items.values(), key=lambda item: -item.rank)
            if self.has(item, **conditions)
        ]

    def has(
        self,
        item: Item,
        types: list[str] | None = None,
        read: bool | None = None,
        seen: bool | None = None,
        priorities: list[str] | None = None,
        folder: Folder = Folder.INBOX,
        pinned: bool = False,
        text: str = "",
    ) -> bool:
        """Whether a filter with these conditions has a notification."""
        is_seen = item.read or item.rank <= self.seen_through
        return (
            item.folder is folder
            and (item.pinned or not pinned)
            and (types is None or item.type in types)
            and (read is None or item.read is read)
            and (seen is None or is_seen is seen)
            and (priorities is None or item.priority in priorities)
            and all(word in item.title for word in text.lower().split())
        )


class Inboxes(RuleBasedStateMachine):
    """Services and selectors against the model; events against the state read anew."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.bell = RememberingDoorbell()
        self.app = cast("Any", apps.get_app_config("live_inbox"))
        self.real_bell, self.app.doorbell = self.app.doorbell, self.bell
        self.users = [User.objects.create_user(f"user{n}") for n in range(3)]
        self.models = [Model() for _ in self.users]
        self.replicas = [Replica(ORIGIN, 0, 0, 0, {}) for _ in self.users]
        self.keys: dict[tuple[int, str], tuple[int, tuple[object, ...]]] = {}
        self.campaigns: list[tuple[int, dict[int, int]]] = []
        """The id of each that has not been recalled, and the ids of its notifications by user."""
        self.positions: list[Position] = [ORIGIN, Position("foreign", 1)]
        self.waiting: list[Waiting] = []
        self.now = TIME
        self.bulk: dict[str, Bulk] = {}

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)
        self.app.doorbell = self.real_bell

    @contextmanager
    def committed(self) -> Iterator[datetime]:
        """Do an operation, and give its events to the replicas."""
        self.now += timedelta(seconds=1)
        self.bell.rings.clear()
        with TestCase.captureOnCommitCallbacks(execute=True):
            yield self.now
        for user, replica in zip(self.users, self.replicas, strict=True):
            replica.apply_all(self.bell.events(user.pk))

    def arrived(
        self,
        user: int,
        notification: Any,
        type: str,
        ends: datetime | None = None,
    ) -> None:
        model = self.models[user]
        model.sequence += 1
        assert notification.pk > max((item.rank for item in model.items.values()), default=0)
        assert notification.added_sequence == model.sequence
        model.items[notification.pk] = Item(
            notification.pk,
            type,
            False,
            model.sequence,
            ends,
            notification.pk,
            priority=notification.priority,
            title=notification.title,
        )

    def left(self, user: int, notification_id: int) -> None:
        """A notification is gone, and the key with which it was sent is forgotten."""
        model = self.models[user]
        del model.items[notification_id]
        model.sequence += 1
        self.keys = {key: sent for key, sent in self.keys.items() if sent[0] != notification_id}

    # -- writing -----------------------------------------------------------------------------------

    @rule(
        user=USERS,
        sender=USERS,
        type=TYPES,
        title=st.sampled_from("ab"),
        key=st.none() | st.sampled_from("kl"),
        ends=ENDS,
        priority=st.just("normal") | st.sampled_from(PRIORITIES),
    )
    def send(
        self,
        user: int,
        sender: int,
        type: str,
        title: str,
        key: str | None,
        ends: datetime | None,
        priority: str,
    ) -> None:
        arguments: dict[str, Any] = {
            "priority": priority,
            "recipient_id": self.users[user].pk,
            "sender_id": self.users[sender].pk,
            "type": type,
            "title": title,
            "idempotency_key": key,
            "expires_at": ends,
            "actions": ACTIONS,
        }
        known = self.keys.get((sender, key), (0, None))[1] if key else None
        content = (user, title, type, ends, priority)
        with self.committed() as now:
            if known is not None and known != content:
                with pytest.raises(Conflict):
                    services.send(**arguments, now=now)
                return
            # A repeat may come after the end.
            if known is None and ends is not None and ends <= now:
                with pytest.raises(InvalidInput):
                    services.send(**arguments, now=now)
                return
            sent = services.send(**arguments, now=now)
        assert sent.replayed is (known is not None)
        assert sent.suppressed is (known is None and type in self.models[user].off)
        if sent.notification is not None and not sent.replayed:
            self.arrived(user, sent.notification, type, ends)
            self.models[user].items[sent.notification.pk].has_actions = True
            if key:
                self.keys[sender, key] = (sent.notification.pk, content)

    @rule(users=st.lists(USERS, max_size=4), type=TYPES)
    def send_many(self, users: list[int], type: str) -> None:
        wanting = [user for user in sorted(set(users)) if type not in self.models[user].off]
        with self.committed() as now:
            keys = [self.users[user].pk for user in users]
            sent = services.send_many(recipient_ids=keys, title="many", type=type, now=now)
        assert (sent.sent, sent.suppressed) == (len(wanting), len(set(users)) - len(wanting))
        for user in wanting:
            newest = Notification.objects.filter(recipient=self.users[user]).latest("id")
            self.arrived(user, newest, type)

    @rule(users=st.lists(USERS, max_size=3), type=TYPES)
    def campaign(self, users: list[int], type: str) -> None:
        wanting = [user for user in sorted(set(users)) if type not in self.models[user].off]
        audience = services.audience_of(recipients=[self.users[user].pk for user in users])
        with self.committed():
            started = services.start_campaign(audience=audience, title="to many", type=type)
            done = services.run_campaign(campaign_id=started.id)
        assert (done.sent, done.dealt_with) == (len(wanting), len(set(users)))
        sent = dict[int, int]()
        for user in wanting:
            newest = Notification.objects.filter(recipient=self.users[user]).latest("id")
            self.arrived(user, newest, type)
            sent[user] = newest.pk
        self.campaigns.append((done.id, sent))

    @rule(index=st.integers(0, 5))
    def recall_campaign(self, index: int) -> None:
        if index >= len(self.campaigns):
            return
        number, sent = self.campaigns.pop(index)
        with self.committed():
            services.recall_campaign(campaign_id=number)
            recalled = services.run_campaign(campaign_id=number).recalled
        there = [user for user, id in sent.items() if id in self.models[user].items]
        assert recalled == len(there)
        for user in there:
            self.left(user, sent[user])

    @rule(
        user=USERS,
        owner=USERS,
        index=st.integers(0, 12),
        becomes=st.sampled_from(["read", "unread", "deleted"]),
    )
    def change_one(self, user: int, owner: int, index: int, becomes: str) -> None:
        services_by_name: dict[str, Callable[..., Any]] = {
            "read": services.mark_read,
            "unread": services.mark_unread,
            "deleted": services.delete,
        }
        ids = sorted(self.models[owner].items)
        key = ids[index] if index < len(ids) else 10**9 + index
        model = self.models[user]
        item = model.items.get(key)
        arguments = {"user_id": self.users[user].pk, "notification_id": key}
        with self.committed() as now:
            if item is None:
                with pytest.raises(NotFound):
                    services_by_name[becomes](**arguments, now=now)
                return
            result = services_by_name[becomes](**arguments, now=now)
        if becomes == "deleted":
            self.left(user, key)
            assert result.notification_id == key
        else:
            changes = item.read is not (becomes == "read")
            item.read = becomes == "read"
            if changes:
                item.read_by = None
            model.sequence += changes
            assert result.changed is changes
            assert result.notification.read is item.read
        self.check_result(user, result)

    @rule(
        user=USERS,
        index=st.integers(0, 12),
        changes=st.fixed_dictionaries(
            {}, optional={"title": st.sampled_from("abc"), "expires_at": ENDS}
        ),
    )
    def edit(self, user: int, index: int, changes: dict[str, Any]) -> None:
        model = self.models[user]
        ids = sorted(model.items)
        key = ids[index] if index < len(ids) else 10**9 + index
        with self.committed() as now:
            if key not in model.items:
                with pytest.raises(NotFound):
                    services.edit(notification_id=key, now=now, **changes)
                return
            if changes.get("expires_at") is not None and changes["expires_at"] <= now:
                with pytest.raises(InvalidInput):
                    services.edit(notification_id=key, now=now, **changes)
                return
            result = services.edit(notification_id=key, now=now, **changes)
        item = model.items[key]
        before = copy(item)
        item.title = changes.get("title", item.title)
        item.ends = changes.get("expires_at", item.ends)
        assert result.changed is (item != before)
        if result.changed:
            item.edited = now
            model.sequence += 1
        self.check_result(user, result)

    @rule(user=USERS, type=TYPES, title=st.sampled_from("ab"), seconds=st.integers(3, 20))
    def schedule(self, user: int, type: str, title: str, seconds: int) -> None:
        due = TIME + timedelta(seconds=seconds)
        with self.committed() as now:
            sent = services.send(
                recipient_id=self.users[user].pk, type=type, title=title, deliver_at=due, now=now
            )
        if due > now:
            assert sent.notification is None
            assert sent.scheduled is not None
            self.waiting.append(Waiting(sent.scheduled.pk, user, type, due, title))
        elif sent.notification is not None:
            self.arrived(user, sent.notification, type)
        else:
            assert type in self.models[user].off

    @rule(batch=st.integers(1, 4))
    def deliver(self, batch: int) -> None:
        with self.committed() as now:
            count = deliver_due(now=now, batch=batch)
        due = sorted(
            (each for each in self.waiting if each.due <= now), key=lambda w: (w.due, w.id)
        )
        self.waiting = [each for each in self.waiting if each.due > now]
        wanted = [each for each in due if each.type not in self.models[each.user].off]
        assert count == len(wanted)
        for each in wanted:
            added = self.models[each.user].sequence + 1
            notification = Notification.objects.get(
                recipient=self.users[each.user], added_sequence=added
            )
            assert (notification.title, notification.created_at) == (each.title, now)
            self.arrived(each.user, notification, each.type)

    @rule(index=st.integers(0, 4))
    def cancel(self, index: int) -> None:
        found = self.waiting[index] if index < len(self.waiting) else None
        assert services.cancel(scheduled_id=found.id if found else 10**9) is bool(found)
        if found:
            self.waiting.remove(found)

    @rule(index=st.integers(0, 12))
    def recall(self, index: int) -> None:
        owners = {key: user for user, model in enumerate(self.models) for key in model.items}
        ids = sorted(owners)
        key = ids[index] if index < len(ids) else 10**9 + index
        with self.committed() as now:
            assert services.recall(notification_id=key, now=now) is (key in owners)
        if key in owners:
            self.left(owners[key], key)

    @rule(user=USERS, data=st.data())
    def mark_all_read(self, user: int, data: st.DataObject) -> None:
        up_to = data.draw(st.none() | st.sampled_from(self.positions))
        model = self.models[user]
        with self.committed() as now:
            arguments: dict[str, Any] = {"user_id": self.users[user].pk, "up_to": up_to, "now": now}
            if up_to and up_to.epoch and up_to.epoch != self.replicas[user].position.epoch:
                with pytest.raises(InvalidInput):
                    services.mark_all_read(**arguments)
                return
            result = services.mark_all_read(**arguments, undoable=True)
        became_read = [
            item
            for item in model.listed
            if not item.read and (up_to is None or item.added <= up_to.sequence)
        ]
        if became_read:
            model.sequence += 1
            step = Step(model.sequence, [copy(item) for item in became_read], {})
            self.bulk[result.undo_token or ""] = Bulk(user, "read", now, [step])
        for item in became_read:
            item.read, item.read_by = True, result.undo_token
        assert result.count == len(became_read)
        assert (result.undo_token is None) is (not became_read)
        self.check_result(user, result)

    @rule(
        user=USERS,
        index=st.integers(0, 12),
        becomes=st.sampled_from(
            ["archive", "unarchive", "snooze", "unsnooze", "pin", "unpin", "snooze", "archive"]
        ),
        seconds=st.integers(1, 20),
    )
    def move_one(self, user: int, index: int, becomes: str, seconds: int) -> None:
        model = self.models[user]
        ids = sorted(model.items)
        key = ids[index] if index < len(ids) else 10**9 + index
        service: Callable[..., Any] = getattr(services, becomes)
        arguments: dict[str, Any] = {"user_id": self.users[user].pk, "notification_id": key}
        if becomes == "snooze":
            arguments["until"] = TIME + timedelta(seconds=seconds)
        with self.committed() as now:
            if key not in model.items:
                with pytest.raises(NotFound):
                    service(**arguments, now=now)
                return
            if becomes == "snooze" and arguments["until"] <= now:
                with pytest.raises(InvalidInput):
                    service(**arguments, now=now)
                return
            result = service(**arguments, now=now)
        item = model.items[key]
        before = copy(item)
        match becomes:
            case "archive":
                if item.folder is not Folder.ARCHIVE:
                    item.archived_at = model.sequence + 1
                item.folder, item.until = Folder.ARCHIVE, None
            case "unarchive" if item.folder is Folder.ARCHIVE:
                item.folder = Folder.INBOX
            case "snooze":
                item.folder, item.until = Folder.SNOOZED, arguments["until"]
            case "unsnooze" if item.folder is Folder.SNOOZED:
                self.returned(user, item, result.notification.rank)
                model.sequence -= 1
            case "pin" | "unpin":
                item.pinned = becomes == "pin"
        assert result.changed is (item != before)
        model.sequence += result.changed
        self.check_result(user, result)

    @rule(user=USERS, index=st.integers(0, 12), action=st.sampled_from(["yes", "no", "link"]))
    def perform_one(self, user: int, index: int, action: str) -> None:
        model = self.models[user]
        ids = sorted(model.items)
        key = ids[index] if index < len(ids) else 10**9 + index
        arguments: dict[str, Any] = {"user_id": self.users[user].pk, "notification_id": key}
        item = model.items.get(key)
        # Those of a bulk send have no actions.
        is_offered = item is not None and item.has_actions and action != "link"
        with self.committed() as now:
            if not is_offered:
                with pytest.raises(NotFound if item is None else InvalidInput):
                    services.perform_action(**arguments, action_id=action, now=now)
                return
            result = services.perform_action(**arguments, action_id=action, now=now)
        assert item is not None
        assert result.changed is (item.performed is None)
        item.performed = item.performed or action
        assert result.notification.performed_action == item.performed
        model.sequence += result.changed
        self.check_result(user, result)

    def returned(self, user: int, item: Item, rank: int) -> None:
        """A notification has come back to the top of the list."""
        model = self.models[user]
        assert rank > max(each.rank for each in model.items.values())
        model.sequence += 1
        item.folder, item.until, item.read, item.read_by = Folder.INBOX, None, False, None
        item.rank, item.added = rank, model.sequence

    @rule(
        user=USERS,
        kind=st.sampled_from(["read", "archived", "deleted"]),
        conditions=FILTERS,
        chunk=st.integers(1, 3),
        most=st.none() | st.integers(1, 4),
        data=st.data(),
    )
    def change_many(
        self,
        user: int,
        kind: str,
        conditions: dict[str, Any],
        chunk: int,
        most: int | None,
        data: st.DataObject,
    ) -> None:
        if kind == "archived":
            conditions = {**conditions, "folder": Folder.INBOX}
        up_to = data.draw(st.none() | st.sampled_from(self.positions))
        services_by_kind: dict[str, Callable[..., Any]] = {
            "read": services.mark_all_read_of,
            "archived": services.archive_all,
            "deleted": services.delete_all,
        }
        arguments: dict[str, Any] = {
            "user_id": self.users[user].pk,
            "filter": ListFilter.of(**conditions),
            "up_to": up_to,
            "most": most,
            "undoable": True,
        }
        with self.committed() as now, pytest.MonkeyPatch.context() as patch:
            patch.setattr(bulk_changes, "CHUNK", chunk)
            if up_to and up_to.epoch and up_to.epoch != self.replicas[user].position.epoch:
                with pytest.raises(InvalidInput):
                    services_by_kind[kind](**arguments, now=now)
                return
            result = services_by_kind[kind](**arguments, now=now)
        model, steps, count = self.models[user], list[Step](), 0
        found = model.filtered(conditions)
        if kind == "read":
            found = [each for each in found if not model.items[each].read]
        while found and (most is None or count < most):
            length = chunk if most is None else min(chunk, most - count)
            part, found = found[:length], found[length:]
            items = [model.items[each] for each in part]
            items = [item for item in items if up_to is None or item.added <= up_to.sequence]
            if items:
                model.sequence += 1
                count += len(items)
                steps.append(Step(model.sequence, [copy(item) for item in items], {}))
                self.changed_with_others(user, kind, items, steps[-1], result.undo_token)
        assert result.count == count
        assert (result.undo_token is not None) is bool(steps)
        assert result.has_more or not found
        if steps:
            self.bulk[result.undo_token] = Bulk(user, kind, now, steps)
        self.check_result(user, result)

    def changed_with_others(
        self, user: int, kind: str, items: list[Item], step: Step, token: str
    ) -> None:
        model = self.models[user]
        for item in items:
            match kind:
                case "read":
                    item.read, item.read_by = True, token
                case "archived":
                    item.folder, item.archived_at = Folder.ARCHIVE, step.sequence
                case "deleted":
                    kept = {key: sent for key, sent in self.keys.items() if sent[0] == item.id}
                    step.keys.update(kept)
                    self.left(user, item.id)
                    model.sequence -= 1

    @rule(user=USERS, data=st.data())
    def undo(self, user: int, data: st.DataObject) -> None:
        tokens = list(self.bulk)[-4:]
        token = data.draw(st.sampled_from(tokens) if tokens else st.just("nothing"))
        bulk = self.bulk.get(token)
        with self.committed() as now:
            arguments: dict[str, Any] = {"user_id": self.users[user].pk, "token": token, "now": now}
            is_known = bulk is not None and bulk.user == user
            if not is_known or now >= bulk.at + timedelta(seconds=UNDO_SECONDS):  # type: ignore[union-attr]
                with pytest.raises(NotFound):
                    services.undo(**arguments)
                return
            result = services.undo(**arguments)
        assert bulk is not None
        del self.bulk[token]
        assert result.count == sum(
            self.undone(user, bulk.kind, step, token) for step in reversed(bulk.steps)
        )
        self.check_result(user, result)

    def undone(self, user: int, kind: str, step: Step, token: str) -> int:
        model = self.models[user]
        if kind == "deleted":
            for item in sorted(step.items, key=lambda item: -item.id):
                model.sequence += 1
                model.items[item.id] = replace(item, added=model.sequence)
            for key, sent in step.keys.items():
                self.keys.setdefault(key, sent)
            return len(step.items)
        present = [model.items[item.id] for item in step.items if item.id in model.items]
        if kind == "read":
            items = [item for item in present if item.read_by == token]
            for item in items:
                item.read, item.read_by = False, None
        else:
            items = [
                item
                for item in present
                if item.folder is Folder.ARCHIVE
                # As far as the log goes back.
                and not (item.archived_at > step.sequence and item.archived_at >= model.first)
            ]
            for item in items:
                item.folder = Folder.INBOX
        model.sequence += len(items)
        return len(items)

    @rule()
    def undoing_ends(self) -> None:
        prune_undo(now=self.now)
        kept = UndoStep.objects.values_list("expires_at", flat=True)
        assert all(each > self.now for each in kept)

    @rule(batch=st.integers(1, 4))
    def snoozes_end(self, batch: int) -> None:
        with self.committed() as now:
            count = return_due(now=now, batch=batch)
        due = [
            (user, item)
            for user, model in enumerate(self.models)
            for item in model.items.values()
            if item.until is not None and item.until <= now
        ]
        assert count == len(due)
        ranks = dict(Notification.objects.values_list("pk", "returned_rank"))
        for user, item in sorted(due, key=lambda each: ranks[each[1].id] or 0):
            self.returned(user, item, ranks[item.id] or 0)

    @rule(user=USERS, data=st.data())
    def mark_seen(self, user: int, data: st.DataObject) -> None:
        up_to = data.draw(st.none() | st.sampled_from(self.positions))
        model = self.models[user]
        before = model.unseen
        with self.committed() as now:
            arguments: dict[str, Any] = {"user_id": self.users[user].pk, "up_to": up_to, "now": now}
            if up_to and up_to.epoch and up_to.epoch != self.replicas[user].position.epoch:
                with pytest.raises(InvalidInput):
                    services.mark_seen(**arguments)
                return
            result = services.mark_seen(**arguments)
        shown = [item for item in model.listed if up_to is None or item.added <= up_to.sequence]
        model.seen_through = max([model.seen_through, *(item.rank for item in shown)])
        assert result.count == before - model.unseen
        model.sequence += bool(result.count)
        self.check_result(user, result)

    @rule(user=USERS, type=TYPES, enabled=st.booleans())
    def set_preference(self, user: int, type: str, enabled: bool) -> None:
        with self.committed():
            services.set_preference(user_id=self.users[user].pk, type=type, enabled=enabled)
        (self.models[user].off.discard if enabled else self.models[user].off.add)(type)

    @rule(batch=st.integers(1, 4))
    def expire(self, batch: int) -> None:
        with self.committed() as now:
            expired = expire_due(now=now, batch=batch)
        due = [
            (user, item.id)
            for user, model in enumerate(self.models)
            for item in model.items.values()
            if item.ends is not None and item.ends <= now
        ]
        for user, notification_id in due:
            self.left(user, notification_id)
        assert expired == Expired(len({user for user, _ in due}), len(due))

    @rule(keep=st.integers(0, 5))
    def prune(self, keep: int) -> None:
        prune_events(now=self.now, keep_events=keep)
        for model in self.models:
            model.first = max(model.first, model.sequence - keep + 1)

    @rule(user=USERS)
    def remember_position(self, user: int) -> None:
        self.positions.append(self.replicas[user].position)

    def check_result(self, user: int, result: Any) -> None:
        model = self.models[user]
        assert (result.unread_count, result.total_count) == (model.unread, len(model.listed))
        assert result.unseen_count == model.unseen
        assert result.position == self.replicas[user].position

    # -- reading -----------------------------------------------------------------------------------

    @rule(
        user=USERS,
        limit=st.integers(1, 4),
        conditions=FILTERS,
        older=st.none() | st.integers(-1, 12),
        newer=st.none() | st.integers(-1, 12),
        from_oldest=st.booleans(),
    )
    def page(
        self,
        user: int,
        limit: int,
        conditions: dict[str, Any],
        older: int | None,
        newer: int | None,
        from_oldest: bool,
    ) -> None:
        model = self.models[user]
        every = sorted(item.rank for item in model.items.values())

        def cursor(index: int | None) -> int | None:
            if index is None:
                return None
            return every[index] if 0 <= index < len(every) else (0 if index < 0 else 10**10)

        older_than, newer_than = cursor(older), cursor(newer)
        page = selectors.page(
            user_id=self.users[user].pk,
            limit=limit,
            older_than=older_than,
            newer_than=newer_than,
            from_oldest=from_oldest,
            **conditions,
        )
        filtered = model.filtered(conditions)
        ranks = {key: model.items[key].rank for key in filtered}
        above = [key for key in filtered if older_than is not None and ranks[key] >= older_than]
        below = [key for key in filtered if newer_than is not None and ranks[key] <= newer_than]
        between = [key for key in filtered if key not in above and key not in below]
        expected = between[-limit:] if from_oldest else between[:limit]
        assert [row.id for row in page.notifications] == expected
        more = len(between) > limit
        assert page.has_newer is (bool(above) or (from_oldest and more))
        assert page.has_older is (bool(below) or (not from_oldest and more))

    @rule(
        user=USERS,
        limit=st.integers(1, 5),
        conditions=FILTERS,
        examined=st.integers(1, 5) | st.just(list_statements.EXAMINED),
    )
    def page_through(
        self, user: int, limit: int, conditions: dict[str, Any], examined: int
    ) -> None:
        options: dict[str, Any] = {"user_id": self.users[user].pk, "limit": limit, **conditions}
        expected = self.models[user].filtered(conditions)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(list_statements, "EXAMINED", examined)
            down: list[int] = []
            page = selectors.page(**options)
            while True:
                down += [row.id for row in page.notifications]
                assert page.has_older or down == expected
                if not page.has_older:
                    break
                assert page.notifications or page.examined_to is not None
                page = selectors.page(**options, older_than=page.oldest_rank)
                assert page.has_newer or not down
            assert down == expected
            up: list[int] = []
            page = selectors.page(**options, from_oldest=True)
            while True:
                up = [row.id for row in page.notifications] + up
                assert page.has_newer or up == expected
                if not page.has_newer:
                    break
                page = selectors.page(**options, newer_than=page.newest_rank, from_oldest=True)
                assert page.has_older or not up
            assert up == expected
            if examined > len(self.models[user].items):
                assert page.examined_to is None

    @rule(user=USERS, index=st.integers(0, 12))
    def look_at_one(self, user: int, index: int) -> None:
        every = [key for model in self.models for key in sorted(model.items)]
        key = every[index] if index < len(every) else 10**9
        if key in self.models[user].items:
            assert (
                selectors.notification(user_id=self.users[user].pk, notification_id=key).pk == key
            )
        else:
            with pytest.raises(NotFound):
                selectors.notification(user_id=self.users[user].pk, notification_id=key)

    # -- what must hold ----------------------------------------------------------------------------

    @invariant()
    def the_events_give_the_inbox(self) -> None:
        for user, replica, model in zip(self.users, self.replicas, self.models, strict=True):
            anew = Replica.read(user.pk)
            anew.check()
            assert replica == anew
            assert anew.position.sequence == model.sequence
            assert anew.unseen_count == model.unseen
            known = {
                key: (
                    *(item.type, item.read, item.folder, item.until, item.pinned, item.rank),
                    *(item.title, item.ends, item.edited),
                    item.performed,
                )
                for key, item in model.items.items()
            }
            assert {
                key: (
                    *(n.type, n.read, n.folder, n.snoozed_until, n.pinned, n.rank),
                    *(n.title, n.expires_at, n.edited_at),
                    n.performed_action,
                )
                for key, n in anew.notifications.items()
            } == known

    @invariant()
    def what_waits_is_there(self) -> None:
        rows = ScheduledSend.objects.filter(recipient__in=self.users)
        assert set(rows.values_list("pk", flat=True)) == {each.id for each in self.waiting}

    @invariant()
    def the_log_is_whole(self) -> None:
        heads = selectors.heads([str(user.pk) for user in self.users])
        for user, model in zip(self.users, self.models, strict=True):
            rows = InboxEvent.objects.filter(inbox=user.pk).order_by("sequence")
            expected = list(range(model.first, model.sequence + 1))
            assert list(rows.values_list("sequence", flat=True)) == expected
            head = heads[str(user.pk)]
            assert (head.first_sequence, head.position.sequence) == (model.first, model.sequence)
            assert (head.loss(ORIGIN) is ResetReason.EXPIRED) is (model.first > 1)
        assert list(check_inboxes(user_ids=[user.pk for user in self.users])) == []


@pytest.mark.django_db
def test_any_operations_leave_exact_counts_and_a_whole_log() -> None:
    run_state_machine_as_test(
        Inboxes, settings=settings(max_examples=20, stateful_step_count=25, deadline=None)
    )
