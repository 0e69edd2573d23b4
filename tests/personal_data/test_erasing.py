"""Erasing a user: nothing of them stays, others keep what is theirs, and devices see it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

import live_inbox
from live_inbox import selectors, services
from live_inbox.delivery.log import LogRange
from live_inbox.events import Folder, Kind
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import BulkSend, Inbox, InboxEvent, Notification, ScheduledSend
from live_inbox.personal_data import bulk_records, mentions
from live_inbox.personal_data.mentions import BATCH
from live_inbox.personal_data.subject import DataSubject
from tests.domain.conftest import VerifyEvents
from tests.domain.query_counting import queries
from tests.domain.replica import log_of
from tests.personal_data.everything_of_a_user import KEY, NAME, places_of, shown_to

HELD = {
    "scheduled": 2,
    "bulk_send": 2,
    "sent": 4,
    "named_in_notification": 4,
    "named_in_event": 12,
    "named_in_undo_step": 1,
    "named_in_scheduled": 1,
    "named_in_campaign": 1,
    "bulk_send_progress": 2,
    "bulk_send_outcome": 1,
    "notification": 11,
    "undo_step": 1,
    "event": 21,
    "inbox": 1,
    "topic": 1,
    "preference": 1,
    "webhook_delivery": 2,
    "token_revocation": 1,
}
"""How many rows hold something of the user of these tests."""

KEPT = {"webhook_delivery": 1, "token_revocation": 1}
"""What stays while the account does: a decision that is not delivered yet, and what was revoked."""


def test_nothing_of_the_user_stays(subject: User) -> None:
    done = live_inbox.erase_user(user=subject)

    assert places_of(str(KEY), NAME) == {"tokenrevocation.user_id", "webhookdelivery.body"}
    assert done.left == KEPT
    assert done.account_deleted is False
    assert User.objects.filter(pk=KEY).exists()
    assert list(check_inboxes()) == []


def test_with_the_account_only_the_decision_stays_that_the_webhook_has_to_get(
    subject: User,
) -> None:
    done = live_inbox.erase_user(user=subject, delete_account=True)

    assert done.account_deleted is True
    assert not User.objects.filter(pk=KEY).exists()
    assert places_of(str(KEY), NAME) == {"webhookdelivery.body"}
    assert done.left == {"webhook_delivery": 1}
    assert list(check_inboxes()) == []


def test_what_an_account_leaves_behind_is_found_by_its_key(subject: User) -> None:
    """Django deletes the rows that refer to the user, and no names."""
    subject.delete()
    assert places_of(str(KEY), NAME) == {
        "bulksend.last_recipient",
        "bulksend.left",
        "bulksendchunk.outcomes",
        "campaignorder.content",
        "campaignorder.recipient_keys",
        "inboxevent.payload",
        "notification.actor",
        "notification.group_actors",
        "notification.target",
        "scheduledsend.content",
        "undostep.content",
        "webhookdelivery.body",
    }

    live_inbox.erase_user(user=KEY)

    assert places_of(str(KEY)) == {"webhookdelivery.body"}
    # A campaign of a deleted user keeps its texts until it is pruned.
    assert places_of(NAME) == set()


def test_a_second_call_finds_nothing(subject: User) -> None:
    live_inbox.erase_user(user=subject)
    before = list(InboxEvent.objects.order_by("pk").values())
    done = live_inbox.erase_user(user=subject)
    assert (done.erased, done.left) == ({}, KEPT)
    assert list(InboxEvent.objects.order_by("pk").values()) == before


def test_a_dry_run_counts_and_changes_nothing(subject: User) -> None:
    before = places_of(str(KEY), NAME)
    done = live_inbox.erase_user(user=subject, dry_run=True)
    assert (done.erased, done.left) == ({}, HELD)
    assert places_of(str(KEY), NAME) == before


def test_others_keep_what_was_sent_to_them_without_its_sender(
    subject: User, other: User, third: User
) -> None:
    live_inbox.erase_user(user=subject)
    assert shown_to(other) == {"edited": (None, None), "to all": (None, None)}
    actor = {"user": str(third.pk), "name": "third"}
    assert shown_to(third) == {
        "without a key": (None, None),
        "to all": (None, None),
        "has joined": (None, None),
        "likes it": (None, actor),
        "x": (other.pk, None),
    }


def test_what_was_sent_can_be_deleted_as_by_a_recall(
    subject: User, other: User, third: User, verify_events: VerifyEvents
) -> None:
    with verify_events(other, third) as bell:
        done = live_inbox.erase_user(user=subject, delete_sent=True)
    assert done.erased["sent"] == 4
    assert shown_to(other) == {}
    assert list(shown_to(third)) == ["has joined", "likes it", "x"]
    assert [event.kind for event in bell.events(other.pk)] == [Kind.RECALLED, Kind.RECALLED]
    assert places_of(NAME) == set()


def test_open_devices_of_others_get_what_has_changed(
    subject: User, other: User, third: User, verify_events: VerifyEvents
) -> None:
    """State before + events = state after; the events are edits that leave everything else as it is."""
    before = {row.pk: row for row in Notification.objects.filter(recipient=other)}
    with verify_events(other, third) as bell:
        live_inbox.erase_user(user=subject)
    events = bell.events(other.pk)
    assert [event.kind for event in events] == [Kind.EDITED, Kind.EDITED]
    for event in events:
        assert event.notification is not None
        row = before[event.notification.id]
        assert event.notification.sender is None
        assert event.notification.title == row.title
        assert event.notification.read_at == row.read_at
        assert event.notification.edited_at == row.edited_at


def test_positions_of_others_stay_valid(subject: User, other: User) -> None:
    """A device that was away resumes, and gets the same events as before, without the name."""
    before = log_of(other.pk)
    live_inbox.erase_user(user=subject)
    after = log_of(other.pk)
    assert [event.position for event in after[: len(before)]] == [
        event.position for event in before
    ]
    shown = [event.notification for event in after if event.notification is not None]
    assert [each.title for each in shown] == [
        "with a key",
        "with a key",
        "edited",
        "to all",
        "edited",
        "to all",
    ]
    assert {each.sender for each in shown} == {None}


def test_the_inbox_of_the_user_begins_anew(subject: User) -> None:
    before = selectors.inbox_state(user_id=KEY).position
    live_inbox.erase_user(user=subject)
    assert not Inbox.objects.filter(pk=KEY).exists()
    live_inbox.send(recipient=subject, title="after that")
    state = selectors.inbox_state(user_id=KEY)
    assert state.position.epoch != before.epoch
    assert (state.position.sequence, state.total_count) == (1, 1)


def test_devices_of_the_user_see_each_folder_become_empty(
    subject: User, bell: Any, committed: Any
) -> None:
    with committed():
        live_inbox.erase_user(user=subject)
    kinds = [event.kind for event in bell.events(KEY)]
    # The inbox with what is folded, the archive, and what is snoozed.
    assert kinds == [Kind.MANY_DELETED] * 3
    assert Notification.objects.filter(recipient=KEY).count() == 0
    assert {row.folder for row in Notification.objects.all()} == {Folder.INBOX, Folder.GROUPED}


def test_what_is_due_later_is_not_sent(subject: User, third: User) -> None:
    live_inbox.erase_user(user=subject)
    assert [row.content["title"] for row in ScheduledSend.objects.all()] == ["later"]
    assert ScheduledSend.objects.get().content["actor"] is None
    assert not BulkSend.objects.filter(state__in=["pending", "running"], sender=KEY).exists()


def test_a_bulk_send_of_others_still_knows_its_other_recipients(
    subject: User, other: User, third: User
) -> None:
    live_inbox.erase_user(user=subject, delete_account=True)
    again = live_inbox.send_many(
        recipients=[third], sender=other, title="x", idempotency_key="by other"
    )
    assert (again.sent, again.replayed) == (0, 1)


def test_more_than_a_batch_is_several_transactions_of_a_bounded_size(
    other: User, third: User, bell: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mentions, "BATCH", 10)
    for number in range(25):
        services.send(recipient_id=other.pk, sender_id=third.pk, title=f"{number}")
    assert BATCH == 100
    changed = list(mentions.forget_sent(DataSubject.of(third)))
    assert changed == [10, 10, 5]
    assert not Notification.objects.filter(sender=third).exists()


def test_what_was_interrupted_is_completed_by_the_same_call(
    subject: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mentions, "BATCH", 2)
    steps = [
        mentions.forget_sent,
        mentions.forget_in_log,
        bulk_records.delete_started,
        bulk_records.forget_outcomes,
    ]
    for step in steps:
        assert next(iter(step(DataSubject.of(subject)))) > 0
    assert live_inbox.erase_user(user=subject, delete_account=True).left == {"webhook_delivery": 1}
    assert places_of(str(KEY), NAME) == {"webhookdelivery.body"}


def test_the_statements_of_a_batch_do_not_grow_with_the_log(
    other: User, third: User, bell: Any
) -> None:
    services.send(recipient_id=other.pk, sender_id=third.pk, title="one")
    with queries() as short:
        list(mentions.forget_sent(DataSubject.of(third)))
    for _ in range(50):
        services.send(recipient_id=other.pk, title="noise")
    services.send(recipient_id=other.pk, sender_id=third.pk, title="one")
    with queries() as long:
        list(mentions.forget_sent(DataSubject.of(third)))
    assert len(long) == len(short)


@pytest.mark.parametrize("user", ["nobody", None, object(), True])
def test_what_is_no_user(db: None, user: Any) -> None:
    for function in (live_inbox.erase_user, live_inbox.export_user):
        with pytest.raises(live_inbox.InvalidInput) as refused:
            function(user=user)
        assert refused.value.field == "user"


def test_a_key_that_nobody_has(subject: User) -> None:
    before = places_of(str(KEY), NAME)
    done = live_inbox.erase_user(user=999)
    assert (done.erased, done.left) == ({}, {})
    assert places_of(str(KEY), NAME) == before
    assert selectors.events([LogRange("999", 0)], limit=5) == [[]]
    assert connection.is_usable()
