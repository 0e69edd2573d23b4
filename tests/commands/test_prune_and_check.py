"""manage.py prune_events and check_inboxes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from live_inbox import selectors, services
from live_inbox.models import BulkSend, Inbox, InboxEvent, Notification
from tests.commands.conftest import Run

NO_BULK_SENDS = "Removed the records of 0 bulk sends."


@pytest.fixture(autouse=True)
def _notifications(alice: User, bob: User) -> None:
    """Alice has an event of 40 days ago and three of today; bob has one."""
    old = timezone.now() - timedelta(days=40)
    services.send(recipient_id=alice.pk, title="x", now=old)
    for _ in range(3):
        services.send(recipient_id=alice.pk, title="x")
    services.send(recipient_id=bob.pk, title="x")


@pytest.mark.parametrize(
    ("options", "line", "left"),
    [
        ((), "Removed 1 event from 1 inbox.", 4),
        (("--days", 50), "Removed 0 events from 0 inboxes.", 5),
        (("--events", 2), "Removed 2 events from 1 inbox.", 3),
        (("--days", 50, "--events", 0), "Removed 5 events from 2 inboxes.", 0),
    ],
)
def test_pruning(run: Run, options: tuple[object, ...], line: str, left: int) -> None:
    result = run("prune_events", *options)

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"Deleted 0 expired notifications from 0 inboxes.\n{line}\n{NO_BULK_SENDS}\n"
    )
    assert InboxEvent.objects.count() == left


def test_what_has_expired_is_deleted_first(run: Run, alice: User, bob: User) -> None:
    now = timezone.now()
    for ends in (now - timedelta(minutes=1), now + timedelta(minutes=1)):
        for user in (alice, bob):
            sent = now - timedelta(hours=1)
            services.send(recipient_id=user.pk, title="x", expires_at=ends, now=sent)

    result = run("prune_events", "--events", 1)

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "Deleted 2 expired notifications from 2 inboxes.\n"
        # Alice has seven events by then and bob four.
        f"Removed 9 events from 2 inboxes.\n{NO_BULK_SENDS}\n"
    )
    assert Notification.objects.filter(expires_at__isnull=False).count() == 2
    assert run("check_inboxes").code == 0


def test_what_is_due_returns_and_is_delivered(run: Run, alice: User) -> None:
    now = timezone.now()
    later: dict[str, Any] = {
        "deliver_at": now - timedelta(minutes=1),
        "now": now - timedelta(hours=1),
    }
    services.send(recipient_id=alice.pk, title="later", **later)
    (one, *_) = Notification.objects.filter(recipient=alice)
    until: dict[str, Any] = {"until": now - timedelta(minutes=1), "now": now - timedelta(hours=1)}
    services.snooze(user_id=alice.pk, notification_id=one.pk, **until)

    result = run("prune_events")

    assert "Returned 1 snoozed notification.\n" in result.out
    assert "Delivered 1 scheduled notification.\n" in result.out
    assert Notification.objects.filter(title="later", folder="inbox").count() == 1
    assert run("check_inboxes").code == 0


def test_records_of_old_bulk_sends_are_removed(run: Run, alice: User) -> None:
    for key in ("old", "new"):
        services.send_many(recipient_ids=[alice.pk], title="x", idempotency_key=key)
    old = BulkSend.objects.filter(idempotency_key="old")
    old.update(changed_at=timezone.now() - timedelta(days=31))

    assert run("prune_events").out.endswith("Removed the records of 1 bulk send.\n")
    assert BulkSend.objects.get().idempotency_key == "new"


def test_logs_are_pruned_although_a_count_is_wrong(run: Run, alice: User) -> None:
    now = timezone.now()
    services.send(
        recipient_id=alice.pk,
        title="x",
        expires_at=now - timedelta(minutes=1),
        now=now - timedelta(hours=1),
    )
    Inbox.objects.filter(pk=alice.pk).update(unread_count=0)

    result = run("prune_events")

    assert (result.code, result.out) == (1, f"Removed 1 event from 1 inbox.\n{NO_BULK_SENDS}\n")
    assert result.err == (
        f"CommandError: Wrong counts, repair them by manage.py check_inboxes --fix: {alice.pk}.\n"
    )


@pytest.mark.parametrize("option", ["--days", "--events"])
def test_pruning_less_than_nothing(run: Run, option: str) -> None:
    result = run("prune_events", f"{option}=-1")

    assert (result.code, result.out) == (2, "")
    assert f"argument {option}: must be a whole number " in result.err.splitlines()[-1]
    assert InboxEvent.objects.count() == 5


def test_inboxes_that_are_right(run: Run) -> None:
    result = run("check_inboxes")

    assert (result.code, result.out, result.err) == (0, "No problems found.\n", "")


def test_findings_are_printed_and_exit_with_1(run: Run, alice: User, bob: User) -> None:
    Inbox.objects.filter(pk=alice.pk).update(total_count=7)
    InboxEvent.objects.filter(inbox=bob.pk).delete()

    result = run("check_inboxes")

    assert result.code == 1
    assert result.out == (
        f"User {alice.pk}: 7 notifications are counted, 4 are there.\n"
        f"User {bob.pk}: the log has 0 of 1 events.\n"
        f"User {bob.pk}: notifications that the log did not add, or not with this content: 1.\n"
    )
    assert result.err == "CommandError: 3 findings. Repair with --fix.\n"


def test_findings_are_repaired(run: Run, alice: User) -> None:
    Inbox.objects.filter(pk=alice.pk).update(total_count=7)

    result = run("check_inboxes", "--fix")

    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"User {alice.pk}: 7 notifications are counted, 4 are there; repaired.\n"
        "1 finding repaired.\n"
    )
    assert run("check_inboxes").code == 0


def test_a_restored_database_gets_new_epochs(run: Run, alice: User) -> None:
    before = selectors.inbox_state(user_id=alice.pk).position

    result = run("check_inboxes", "--restored")

    assert (result.code, result.err) == (0, "")
    assert result.out == "2 inboxes got a new epoch: their devices reload.\nNo problems found.\n"
    after = selectors.inbox_state(user_id=alice.pk).position
    assert after.sequence == before.sequence
    assert after.epoch != before.epoch
