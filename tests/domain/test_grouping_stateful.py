"""Groups under any operations, in any order: state before + events = state read anew, and each has one row."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
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

from live_inbox import services
from live_inbox.delivery.position import ORIGIN
from live_inbox.errors import Conflict, NotFound
from live_inbox.events import Folder
from live_inbox.maintenance.expiry import expire_due
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.maintenance.snoozes import return_due
from live_inbox.models import Notification
from live_inbox.services import grouping
from tests.domain.doorbells import RememberingDoorbell
from tests.domain.replica import Replica

KEYS = st.none() | st.sampled_from("ab")
INDEXES = st.integers(0, 9)
TIME = datetime(2026, 1, 1, tzinfo=UTC)
CHANGES = ("mark_read", "mark_unread", "archive", "unarchive", "unsnooze", "pin", "unpin", "delete")


class Groups(RuleBasedStateMachine):
    """Two users whose inboxes are followed from their events."""

    def __init__(self) -> None:
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.bell = RememberingDoorbell()
        self.app = cast("Any", apps.get_app_config("live_inbox"))
        self.real_bell, self.app.doorbell = self.app.doorbell, self.bell
        self.users = [User.objects.create_user(f"user{n}") for n in range(2)]
        self.replicas = [Replica(ORIGIN, 0, 0, 0, {}) for _ in self.users]
        self.now = TIME
        self.token: tuple[Any, str] | None = None

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)
        self.app.doorbell = self.real_bell

    def do(self, call: Any, **arguments: Any) -> Any:
        """Call a service a second later, and give its events to the replicas; None where it refuses."""
        self.now += timedelta(seconds=1)
        self.bell.rings.clear()
        result = None
        with TestCase.captureOnCommitCallbacks(execute=True), suppress(NotFound, Conflict):
            result = call(**arguments, now=self.now)
        for user, replica in zip(self.users, self.replicas, strict=True):
            replica.apply_all(self.bell.events(user.pk))
        return result

    def one(self, index: int) -> dict[str, Any]:
        """Return the owner and the id of some notification."""
        rows = list(Notification.objects.order_by("pk").values_list("recipient_id", "pk"))
        user_id, number = rows[index % len(rows)] if rows else (self.users[0].pk, 1)
        return {"user_id": user_id, "notification_id": number}

    @rule(user=st.integers(0, 1), key=KEYS, actor=st.sampled_from("xyz"), lasts=st.none() | INDEXES)
    def send(self, user: int, key: str | None, actor: str, lasts: int | None) -> None:
        ends = None if lasts is None else self.now + timedelta(seconds=lasts + 2)
        recipient = self.users[user].pk
        self.do(
            services.send,
            recipient_id=recipient,
            title="x",
            group_key=key,
            actor={"name": actor},
            expires_at=ends,
        )

    @rule(key=KEYS)
    def send_many(self, key: str | None) -> None:
        users = [user.pk for user in self.users]
        self.do(services.send_many, recipient_ids=users, title="many", group_key=key)

    @rule(name=st.sampled_from(CHANGES), index=INDEXES)
    def change(self, name: str, index: int) -> None:
        self.do(getattr(services, name), **self.one(index))

    @rule(index=INDEXES)
    def snooze(self, index: int) -> None:
        self.do(services.snooze, **self.one(index), until=self.now + timedelta(seconds=5))

    @rule(index=INDEXES)
    def recall(self, index: int) -> None:
        self.do(services.recall, notification_id=self.one(index)["notification_id"])

    @rule(index=INDEXES)
    def delete_undoably(self, index: int) -> None:
        where = self.one(index)
        deleted = self.do(services.delete, **where, undoable=True)
        if deleted is not None:
            self.token = where["user_id"], deleted.undo_token

    @rule(name=st.sampled_from(["delete_all", "archive_all"]), user=st.integers(0, 1))
    def change_all(self, name: str, user: int) -> None:
        user_id = self.users[user].pk
        done = self.do(getattr(services, name), user_id=user_id, undoable=True)
        if done.undo_token is not None:
            self.token = user_id, done.undo_token

    @rule()
    def undo(self) -> None:
        if self.token is not None:
            user_id, token = self.token
            self.do(services.undo, user_id=user_id, token=token)

    @rule()
    def expire(self) -> None:
        self.do(expire_due)

    @rule()
    def come_back(self) -> None:
        self.do(return_due)

    @invariant()
    def events_lead_to_the_state(self) -> None:
        for user, replica in zip(self.users, self.replicas, strict=True):
            assert Replica.read(user.pk) == replica

    @invariant()
    def every_group_has_one_row(self) -> None:
        rows = Notification.objects.filter(group_root__isnull=False)
        folders = Counter(rows.values_list("group_root", "folder"))
        roots = {root for root, _ in folders}
        for root in roots:
            shown = sum(
                folders[root, folder.value] for folder in Folder if folder is not Folder.GROUPED
            )
            assert shown == 1, folders
            assert folders[root, Folder.GROUPED.value] < grouping.MOST

    @invariant()
    def nothing_needs_repair(self) -> None:
        assert list(check_inboxes()) == []


@pytest.mark.django_db
def test_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "MOST", 4)
    chosen = settings(max_examples=20, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(Groups, settings=chosen)
