"""Grouping: what folds, what the one that is shown says of its group, and what becomes of what is folded."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

import live_inbox
from live_inbox import selectors, services
from live_inbox.errors import Conflict, InvalidInput
from live_inbox.events import Event, Folder, Kind, Snapshot
from live_inbox.maintenance.deliveries import deliver_due
from live_inbox.maintenance.expiry import expire_due
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import Inbox, InboxEvent, Notification
from live_inbox.services import grouping
from tests.changed_settings import changed_settings
from tests.domain.replica import Replica, log_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob")


def send(user: User, title: str, actor: str | None = None, **more: Any) -> Notification:
    """Send with the group key `post-7`, unless another one is given."""
    given: dict[str, Any] = {"group_key": "post-7"} | more
    if actor is not None:
        given["actor"] = {"name": actor}
    sent = services.send(recipient_id=user.pk, title=title, **given).notification
    assert sent is not None
    return sent


def listed(user: User, **conditions: Any) -> list[Snapshot]:
    return list(selectors.page(user_id=user.pk, limit=100, **conditions).notifications)


def titles(user: User, **conditions: Any) -> list[str]:
    return [each.title for each in listed(user, **conditions)]


def folded(user: User, shown: Notification) -> list[str]:
    return titles(user, group_of=shown.pk)


def counts(user: User) -> tuple[int, int, int, int]:
    inbox = Inbox.objects.get(pk=user.pk)
    return inbox.total_count, inbox.unread_count, inbox.unseen_count, inbox.archived_count


def since(user: User, position: int) -> list[tuple[Kind, int | None]]:
    return [(event.kind, event.notification_id) for event in log_of(user.pk, after=position)]


@pytest.fixture(autouse=True)
def consistent(alice: User) -> Any:
    """State read anew = events applied, and no repair is needed, whatever a test does."""
    yield
    replica = Replica.read(alice.pk)
    from_events = Replica(replica.position, 0, 0, 0, {})
    first = Inbox.objects.get(pk=alice.pk)
    assert first.first_sequence == 1
    events: list[Event] = log_of(alice.pk)
    from_events.position = events[0].position.__class__.parse("0")
    from_events.apply_all(events)
    assert from_events.notifications.keys() == replica.notifications.keys()
    for number, snapshot in replica.notifications.items():
        assert from_events.notifications[number] == snapshot
    assert list(check_inboxes()) == []


def test_repeats_fold_into_one_row_the_newest(alice: User) -> None:
    other = send(alice, "other", group_key=None)
    first = send(alice, "Ana commented", "Ana")
    services.mark_seen(user_id=alice.pk)
    second = send(alice, "Bob commented", "Bob")
    assert (second.group_count, second.group_root) == (2, first.pk)
    third = send(alice, "Ana commented again", "Ana")
    assert titles(alice) == ["Ana commented again", "other"]
    (shown, _) = listed(alice)
    assert (shown.group_key, shown.group_count) == ("post-7", 3)
    assert shown.group_actors == [{"name": "Bob"}]
    assert counts(alice) == (2, 2, 1, 0)
    assert folded(alice, third) == ["Bob commented", "Ana commented"]
    assert titles(alice, folder=Folder.GROUPED) == ["Bob commented", "Ana commented"]
    assert folded(alice, other) == []
    assert since(alice, 2) == [
        (Kind.SEEN, None),
        (Kind.ADDED, second.pk),
        (Kind.GROUPED, first.pk),
        (Kind.ADDED, third.pk),
        (Kind.GROUPED, second.pk),
    ]


def test_a_group_is_of_one_key_and_one_inbox(alice: User) -> None:
    bob = User.objects.create_user("bob")
    for user in (alice, bob):
        for title, key in (("a", "a"), ("b", "b"), ("none", None), ("none", None), ("empty", "")):
            send(user, title, group_key=key)
    assert titles(alice) == ["empty", "none", "none", "b", "a"]
    last = send(alice, "a2", group_key="a")
    assert folded(alice, last) == ["a"]
    assert folded(bob, last) == []
    assert len(listed(bob)) == 5


def test_it_names_the_latest_other_actors(alice: User) -> None:
    for name in ("Ana", "Bob", "Cid", "Dan", "Bob", "Eve"):
        send(alice, f"{name} commented", name)
    (shown,) = listed(alice)
    assert shown.group_actors == [{"name": "Bob"}, {"name": "Dan"}, {"name": "Cid"}]


def test_what_is_read_folds_and_its_group_is_unread_again(alice: User) -> None:
    first = send(alice, "one")
    services.pin(user_id=alice.pk, notification_id=first.pk)
    services.mark_read(user_id=alice.pk, notification_id=first.pk)
    second = send(alice, "two")
    assert counts(alice) == (1, 1, 1, 0)
    assert second.pinned
    assert titles(alice, pinned=True) == ["two"]
    # To mark what is folded changes nothing that is shown.
    services.mark_unread(user_id=alice.pk, notification_id=first.pk)
    services.mark_all_read(user_id=alice.pk)
    assert counts(alice) == (1, 0, 0, 0)


@pytest.mark.parametrize("leave", ["archive", "delete", "snooze"])
def test_a_group_ends_when_its_row_leaves_the_inbox(alice: User, leave: str) -> None:
    send(alice, "one")
    second = send(alice, "two")
    more: Any = {"until": timezone.now() + timedelta(hours=1)} if leave == "snooze" else {}
    getattr(services, leave)(user_id=alice.pk, notification_id=second.pk, **more)
    third = send(alice, "three")
    assert (third.group_count, third.group_root) == (1, None)
    assert titles(alice) == ["three"]
    assert folded(alice, second) == ([] if leave == "delete" else ["one"])
    if leave == "archive":
        services.unarchive(user_id=alice.pk, notification_id=second.pk)
        assert titles(alice) == ["three", "two"]
        # The newest goes on, with its own group.
        fourth = send(alice, "four")
        assert titles(alice) == ["four", "two"]
        assert folded(alice, fourth) == ["three"]


def test_what_is_folded_is_deleted_with_its_row_and_restored_with_it(alice: User) -> None:
    send(alice, "one")
    send(alice, "two")
    third = send(alice, "three")
    before = {each.id: each for folder in Folder for each in listed(alice, folder=folder)}
    position = Inbox.objects.get(pk=alice.pk).last_sequence
    deleted = services.delete(user_id=alice.pk, notification_id=third.pk, undoable=True)
    assert (deleted.notification_id, deleted.total_count) == (third.pk, 0)
    assert not Notification.objects.exists()
    assert not InboxEvent.objects.filter(payload__has_key="notification").exists()
    assert [kind for kind, _ in since(alice, position)] == [Kind.DELETED] * 3
    assert since(alice, position)[-1] == (Kind.DELETED, third.pk)
    services.undo(user_id=alice.pk, token=deleted.undo_token or "")
    assert {each.id: each for folder in Folder for each in listed(alice, folder=folder)} == before
    assert send(alice, "four").group_count == 4


def test_bulk_changes_are_of_rows_with_all_that_is_folded_under_them(alice: User) -> None:
    for title in ("one", "two", "three"):
        send(alice, title)
    send(alice, "other", group_key=None)
    done = services.delete_all(user_id=alice.pk, undoable=True)
    assert (done.count, done.total_count) == (2, 0)
    assert not Notification.objects.exists()
    services.undo(user_id=alice.pk, token=done.undo_token or "")
    assert titles(alice) == ["other", "three"]
    assert titles(alice, folder=Folder.GROUPED) == ["two", "one"]
    assert services.archive_all(user_id=alice.pk).count == 2
    assert titles(alice, folder=Folder.GROUPED) == ["two", "one"]


@pytest.mark.parametrize("place", ["inbox", "archive", "snoozed"])
@pytest.mark.parametrize("end", ["recall", "expiry"])
def test_the_one_before_takes_the_place_of_what_is_taken_back(
    alice: User, place: str, end: str
) -> None:
    send(alice, "one", "Ana")
    second = send(alice, "two", "Bob")
    third = send(alice, "three", "Cid", expires_at=timezone.now() + timedelta(hours=1))
    until = timezone.now() + timedelta(days=1)
    if place == "archive":
        services.archive(user_id=alice.pk, notification_id=third.pk)
    elif place == "snoozed":
        services.snooze(user_id=alice.pk, notification_id=third.pk, until=until)
    if end == "recall":
        assert services.recall(notification_id=third.pk)
    else:
        expire_due(now=timezone.now() + timedelta(hours=2))
    folder = Folder(place)
    (shown,) = listed(alice, folder=folder)
    assert (shown.id, shown.group_count, shown.group_actors) == (second.pk, 2, [{"name": "Ana"}])
    assert shown.snoozed_until == (until if place == "snoozed" else None)
    assert folded(alice, second) == ["one"]
    assert counts(alice)[:2] == ((1, 1) if place == "inbox" else (0, 0))
    assert services.recall(notification_id=second.pk)
    assert titles(alice, folder=folder) == ["one"]
    assert services.recall(notification_id=shown.id - 1)
    assert titles(alice, folder=folder) == []


def test_what_is_folded_can_be_taken_back_by_itself(alice: User) -> None:
    first = send(alice, "one")
    second = send(alice, "two")
    assert services.recall(notification_id=first.pk)
    assert titles(alice) == ["two"]
    assert folded(alice, second) == []
    assert counts(alice) == (1, 1, 1, 0)


def test_what_was_folded_is_shown_when_nothing_else_of_its_group_is_left(alice: User) -> None:
    first = send(alice, "one")
    second = send(alice, "two")
    deleted = services.delete(user_id=alice.pk, notification_id=first.pk, undoable=True)
    services.delete(user_id=alice.pk, notification_id=second.pk)
    services.undo(user_id=alice.pk, token=deleted.undo_token or "")
    assert titles(alice) == ["one"]
    assert counts(alice) == (1, 1, 1, 0)


@pytest.mark.parametrize("name", ["archive", "snooze", "pin"])
def test_what_is_folded_is_not_moved(alice: User, name: str) -> None:
    first = send(alice, "one")
    send(alice, "two")
    more: Any = {"until": timezone.now() + timedelta(hours=1)} if name == "snooze" else {}
    with pytest.raises(Conflict):
        getattr(services, name)(user_id=alice.pk, notification_id=first.pk, **more)
    assert not services.unarchive(user_id=alice.pk, notification_id=first.pk).changed
    assert not services.unsnooze(user_id=alice.pk, notification_id=first.pk).changed


def test_the_latest_of_a_group_are_kept(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "MOST", 3)
    for number in range(6):
        last = send(alice, f"n{number}")
    assert last.group_count == 6
    assert folded(alice, last) == ["n4", "n3"]
    assert Notification.objects.count() == 3


def test_a_full_inbox_makes_room_for_rows_only(alice: User) -> None:
    with changed_settings(MAX_INBOX_NOTIFICATIONS=100):
        for title in ("old", "old 2"):
            send(alice, title, group_key="old")
        for _ in range(98):
            send(alice, "x", group_key=None)
        send(alice, "one")
        send(alice, "two")
        assert counts(alice)[0] == 100
        assert titles(alice, folder=Folder.GROUPED) == ["one", "old"]
        send(alice, "other", group_key=None)
        # The oldest row goes, with what is folded under it.
        assert counts(alice)[0] == 100
        assert titles(alice, folder=Folder.GROUPED) == ["one"]
        assert titles(alice, text="old") == []


def test_each_send_keeps_its_idempotency_key(alice: User) -> None:
    first = send(alice, "one", idempotency_key="k1")
    second = send(alice, "two", idempotency_key="k2")
    for sent, title, key in ((first, "one", "k1"), (second, "two", "k2")):
        again = services.send(
            recipient_id=alice.pk, title=title, group_key="post-7", idempotency_key=key
        )
        assert again.replayed
        assert again.notification == sent
    with pytest.raises(Conflict):
        send(alice, "one", idempotency_key="k1", group_key="other")
    assert titles(alice) == ["two"]


def test_a_bulk_send_folds_in_each_inbox(alice: User) -> None:
    bob, carol = User.objects.create_user("bob"), User.objects.create_user("carol")
    send(alice, "one")
    send(bob, "other", group_key="other")
    keys = [alice.pk, bob.pk, carol.pk]
    actor = {"name": "Ana"}
    for title in ("two", "three"):
        live_inbox.send_many(
            recipients=keys, title=title, group_key="post-7", actor=actor, idempotency_key=title
        )
    assert [(each.title, each.group_count) for each in listed(alice)] == [("three", 3)]
    assert [(each.title, each.group_count) for each in listed(bob)] == [("three", 2), ("other", 1)]
    assert [(each.title, each.group_count) for each in listed(carol)] == [("three", 2)]
    assert list(check_inboxes()) == []


def test_a_scheduled_send_folds_when_it_is_delivered(alice: User) -> None:
    due = timezone.now() + timedelta(hours=1)
    live_inbox.send(recipient=alice, title="later", group_key="post-7", deliver_at=due)
    send(alice, "now")
    deliver_due(now=due + timedelta(seconds=1))
    assert titles(alice) == ["later"]


def test_scheduled_sends_of_one_round_fold_each_in_its_own_group(alice: User, bob: User) -> None:
    """They are inserted together, being of one type and to different users."""
    due = timezone.now() + timedelta(hours=1)
    for user, key, actor in ((alice, "post-7", "Ana"), (bob, "post-8", "Bo")):
        send(user, "first", actor, group_key="post-7")
        send(user, "second", actor, group_key="post-8")
        later: dict[str, Any] = {"group_key": key, "actor": {"name": "Bo"}, "deliver_at": due}
        services.send(recipient_id=user.pk, title="later", **later)
    deliver_due(now=due + timedelta(minutes=1))
    assert titles(alice) == ["later", "second"]
    assert titles(bob) == ["later", "first"]
    shown_to_alice, shown_to_bob = listed(alice)[0], listed(bob)[0]
    assert (shown_to_alice.group_count, shown_to_alice.group_actors) == (2, [{"name": "Ana"}])
    assert (shown_to_bob.group_count, shown_to_bob.group_actors) == (2, None)
    assert titles(alice, folder=Folder.GROUPED) == ["first"]
    assert titles(bob, folder=Folder.GROUPED) == ["second"]
    assert list(check_inboxes()) == []


def test_scheduled_sends_of_one_round_need_no_group(alice: User, bob: User) -> None:
    due = timezone.now() + timedelta(hours=1)
    for user, key in ((alice, None), (bob, "post-7")):
        send(user, "first")
        services.send(recipient_id=user.pk, title="later", group_key=key, deliver_at=due)
    deliver_due(now=due + timedelta(minutes=1))
    assert titles(alice) == ["later", "first"]
    assert titles(bob) == ["later"]


def test_a_group_cannot_be_changed(alice: User) -> None:
    sent = send(alice, "one")
    with pytest.raises(InvalidInput) as caught:
        services.edit(notification_id=sent.pk, group_key="other")
    assert caught.value.field == "group_key"
    second = send(alice, "two")
    assert services.edit(notification_id=sent.pk, title="one, edited").changed
    assert folded(alice, second) == ["one, edited"]


@pytest.mark.parametrize("key", ["x" * 201, "\x00", 5])
def test_a_key_that_is_none_is_refused(alice: User, key: Any) -> None:
    send(alice, "one")
    with pytest.raises(InvalidInput) as caught:
        send(alice, "two", group_key=key)
    assert caught.value.field == "group_key"
