"""Bulk changes and their undoing, beyond what the state machine tries: chunks, content, what is gone, cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

import live_inbox
from live_inbox import selectors, services
from live_inbox.errors import InvalidInput, NotFound
from live_inbox.events import Folder, Kind
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.maintenance.undo_pruning import prune_undo
from live_inbox.models import Inbox, InboxEvent, Notification, UndoStep
from live_inbox.selectors import ListFilter
from live_inbox.services import bulk_changes, undoing
from tests.changed_settings import changed_settings
from tests.domain.large_inbox import fill
from tests.domain.replica import log_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice")


def send(user: User, title: str = "x", **more: Any) -> Notification:
    sent = services.send(recipient_id=user.pk, title=title, **more).notification
    assert sent is not None
    return sent


def titles(user: User, **conditions: Any) -> list[str]:
    page = selectors.page(user_id=user.pk, limit=50, **conditions)
    return [each.title for each in page.notifications]


def test_a_large_change_is_made_in_chunks_each_with_one_event(alice: User) -> None:
    fill(alice, 1234)
    done = services.archive_all(user_id=alice.pk, filter=ListFilter.of(types=["general"]))
    assert (done.count, done.has_more) == (1106, False)
    events = log_of(alice.pk, after=1234)
    assert [(event.kind, event.count) for event in events] == [
        (Kind.MANY_ARCHIVED, 500),
        (Kind.MANY_ARCHIVED, 500),
        (Kind.MANY_ARCHIVED, 106),
    ]
    assert done.total_count == 1234 - 1106
    inbox = Inbox.objects.get(pk=alice.pk)
    assert (inbox.archived_count, inbox.unread_count) == (
        1106,
        Notification.objects.filter(recipient=alice, folder="inbox", read_at=None).count(),
    )


def test_a_call_that_has_more_goes_on_where_it_was(alice: User) -> None:
    for _ in range(5):
        send(alice)
    calls = [services.delete_all(user_id=alice.pk, most=2) for _ in range(3)]
    assert [(call.count, call.has_more) for call in calls] == [(2, True), (2, True), (1, False)]


@pytest.mark.django_db(transaction=True)
def test_each_chunk_is_committed_by_itself(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is interrupted has not been for nothing, and no lock is held for long."""
    monkeypatch.setattr(bulk_changes, "CHUNK", 2)
    for _ in range(5):
        send(alice)
    apply, calls = bulk_changes._apply, []

    def fail_at_the_second(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise RuntimeError("interrupted")
        apply(*arguments)

    monkeypatch.setattr(bulk_changes, "_apply", fail_at_the_second)
    with pytest.raises(RuntimeError):
        services.delete_all(user_id=alice.pk, undoable=True)
    assert Notification.objects.count() == 3
    assert services.delete_all(user_id=alice.pk).count == 3
    assert list(check_inboxes()) == []


def test_a_search_of_many_rows_goes_through_all_of_them(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live_inbox.listing.list_statements.EXAMINED", 10)
    for n in range(60):
        send(alice, "needle" if n % 25 == 0 else "hay")
    done = services.delete_all(user_id=alice.pk, filter=ListFilter.of(text="NEEDLE"))
    assert (done.count, done.total_count) == (3, 57)


@pytest.mark.parametrize("several", [True, False])
def test_what_was_deleted_is_back_as_it_was(alice: User, several: bool) -> None:
    bob = User.objects.create_user("bob")
    content: dict[str, Any] = {
        "message": "é ☀",
        "type": "news",
        "link": "/a",
        "data": {"a": [1, 2.5, None, {"b": "ü"}]},
        "priority": "high",
        "expires_at": timezone.now() + timedelta(days=1),
        "sender_id": bob.pk,
        "idempotency_key": "k",
    }
    sent = send(alice, "a", **content)
    services.pin(user_id=alice.pk, notification_id=sent.pk)
    services.mark_read(user_id=alice.pk, notification_id=sent.pk)
    before = selectors.page(user_id=alice.pk, limit=5).notifications
    kept: dict[str, Any] = dict(Notification.objects.values().get(pk=sent.pk))
    done: Any
    if several:
        done = services.delete_all(user_id=alice.pk, undoable=True)
    else:
        done = services.delete(user_id=alice.pk, notification_id=sent.pk, undoable=True)
    assert not Notification.objects.exists()
    # As by any deletion, nothing but what undoes it has the content.
    assert not InboxEvent.objects.filter(payload__has_key="notification").exists()
    assert done.undo_token is not None
    undone = services.undo(user_id=alice.pk, token=done.undo_token)
    assert (undone.count, undone.total_count, undone.unread_count) == (1, 1, 0)
    assert selectors.page(user_id=alice.pk, limit=5).notifications == before
    now: dict[str, Any] = dict(Notification.objects.values().get(pk=sent.pk))
    assert now.pop("returned_sequence") == undone.position.sequence
    del kept["returned_sequence"]
    assert now == kept
    assert list(check_inboxes()) == []
    (event,) = log_of(alice.pk, after=done.position.sequence)
    assert (event.kind, event.notification) == (Kind.RESTORED, before[0])
    # The key is in use again.
    assert services.send(recipient_id=alice.pk, title="a", **content).replayed


def test_what_is_deleted_again_is_gone_from_the_log(alice: User) -> None:
    sent = send(alice, "secret")
    done = services.delete_all(user_id=alice.pk, undoable=True)
    services.undo(user_id=alice.pk, token=done.undo_token or "")
    services.delete(user_id=alice.pk, notification_id=sent.pk)
    assert not InboxEvent.objects.filter(payload__has_key="notification").exists()
    assert not UndoStep.objects.exists()


def test_the_content_is_gone_when_the_time_to_undo_has_passed(alice: User) -> None:
    send(alice, "secret")
    done = services.delete_all(user_id=alice.pk, undoable=True)
    assert "secret" in UndoStep.objects.get().content
    assert done.undo_token not in (None, UndoStep.objects.get().token_digest)
    prune_undo()
    assert UndoStep.objects.count() == 1
    later = timezone.now() + timedelta(seconds=31)
    with pytest.raises(NotFound):
        services.undo(user_id=alice.pk, token=done.undo_token or "", now=later)
    assert prune_undo(now=later) == 1
    assert not UndoStep.objects.exists()


def test_what_only_a_newer_version_can_undo_is_left_to_it(alice: User) -> None:
    sent = send(alice)
    done = services.archive_all(user_id=alice.pk, undoable=True)
    step = UndoStep.objects.get()
    UndoStep.objects.update(kind="many_copied")
    with pytest.raises(NotFound):
        services.undo(user_id=alice.pk, token=done.undo_token or "")
    UndoStep.objects.update(kind=step.kind)
    assert services.undo(user_id=alice.pk, token=done.undo_token or "").count == 1
    assert titles(alice) == [sent.title]


def test_without_undo_nothing_is_kept(alice: User) -> None:
    sent = send(alice)
    assert services.delete(user_id=alice.pk, notification_id=sent.pk).undo_token is None
    send(alice)
    assert services.delete_all(user_id=alice.pk).undo_token is None
    assert not UndoStep.objects.exists()


def test_a_sender_who_is_gone_meanwhile_is_left_out(alice: User) -> None:
    bob = User.objects.create_user("bob")
    send(alice, sender_id=bob.pk, idempotency_key="k")
    done = services.delete_all(user_id=alice.pk, undoable=True)
    bob.delete()
    services.undo(user_id=alice.pk, token=done.undo_token or "")
    restored = Notification.objects.get()
    assert (restored.sender, restored.idempotency_key) == (None, None)


def test_no_more_are_pinned_than_may_be(alice: User) -> None:
    with changed_settings(MAX_PINNED_NOTIFICATIONS=1):
        first = send(alice, "first")
        services.pin(user_id=alice.pk, notification_id=first.pk)
        done = services.delete_all(user_id=alice.pk, undoable=True)
        second = send(alice, "second")
        services.pin(user_id=alice.pk, notification_id=second.pk)
        services.undo(user_id=alice.pk, token=done.undo_token or "")
        assert titles(alice) == ["second", "first"]
        assert titles(alice, pinned=True) == ["second"]


def test_a_token_is_of_its_user_and_good_once(alice: User) -> None:
    bob = User.objects.create_user("bob")
    send(alice)
    send(bob)
    token = services.archive_all(user_id=alice.pk, undoable=True).undo_token or ""
    for user, wrong in ((bob, token), (alice, token[:-1]), (alice, ""), (alice, "\ud800")):
        with pytest.raises(NotFound):
            services.undo(user_id=user.pk, token=wrong)
    assert services.undo(user_id=alice.pk, token=token).count == 1
    with pytest.raises(NotFound):
        services.undo(user_id=alice.pk, token=token)


def test_a_large_mark_all_read_is_undone_part_by_part(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(undoing, "PART", 2)
    for _ in range(5):
        send(alice)
    done = services.mark_all_read(user_id=alice.pk, undoable=True)
    assert services.undo(user_id=alice.pk, token=done.undo_token or "").count == 5
    assert Notification.objects.filter(read_at=None).count() == 5
    assert not UndoStep.objects.exists()
    assert list(check_inboxes()) == []


def test_what_came_after_a_position_stays_as_it_is(alice: User) -> None:
    send(alice, "seen")
    up_to = selectors.inbox_state(user_id=alice.pk).position
    send(alice, "came later")
    assert services.mark_all_read_of(user_id=alice.pk, filter=ListFilter(), up_to=up_to).count == 1
    assert services.delete_all(user_id=alice.pk, up_to=up_to).count == 1
    assert titles(alice) == ["came later"]


def test_what_was_restored_after_a_position_stays_unread_on_every_device(alice: User) -> None:
    old, restored, new = (send(alice, title) for title in ("old", "restored", "new"))
    token = services.delete(user_id=alice.pk, notification_id=restored.pk, undoable=True).undo_token
    assert token is not None
    position = selectors.inbox_state(user_id=alice.pk).position
    services.undo(user_id=alice.pk, token=token)
    done = services.mark_all_read(user_id=alice.pk, up_to=position, undoable=True)
    assert (done.count, done.unread_count) == (2, 1)
    assert titles(alice, read=False) == ["restored"]
    # Not by a rank: it would have the other one marked as well.
    (event,) = log_of(alice.pk, after=position.sequence + 1)
    assert (event.kind, event.notification_ids) == (Kind.MANY_READ, [new.pk, old.pk])
    assert done.undo_token is not None
    services.undo(user_id=alice.pk, token=done.undo_token)
    assert titles(alice, read=False) == ["new", "restored", "old"]


def test_only_the_inbox_is_archived(alice: User) -> None:
    with pytest.raises(InvalidInput) as caught:
        services.archive_all(user_id=alice.pk, filter=ListFilter(folder=Folder.SNOOZED))
    assert caught.value.field == "folder"


def test_an_inbox_that_does_not_exist_yet(alice: User) -> None:
    change: Callable[..., Any]
    for change in (services.archive_all, services.delete_all):
        done = change(user_id=alice.pk, undoable=True)
        assert (done.count, done.has_more, done.undo_token) == (0, False, None)


def test_the_functions_of_the_package(alice: User) -> None:
    send(alice, "a", type="news")
    send(alice, "b")
    done = live_inbox.mark_all_read_of(user=alice, types=["news"])
    assert (done.count, done.unread_count) == (1, 1)
    assert live_inbox.undo(user=alice, token=done.undo_token or "").unread_count == 2
    assert live_inbox.archive_all(user=alice, text="B").total_count == 1
    assert live_inbox.delete_all(user=alice, folder=Folder.ARCHIVE).count == 1
    assert titles(alice) == ["a"]
