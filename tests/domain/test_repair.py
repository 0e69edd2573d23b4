"""Every way in which an inbox can disagree with its rows is found, and put right honestly."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from live_inbox import selectors, services
from live_inbox.delivery.log import ResetReason
from live_inbox.delivery.position import Position
from live_inbox.maintenance import repair
from live_inbox.maintenance.findings import Finding, Flaw
from live_inbox.maintenance.pruning import prune_events
from live_inbox.maintenance.repair import check_inboxes, renew_epochs
from live_inbox.maintenance.snoozes import return_due
from live_inbox.models import Inbox, InboxEvent, Notification


@pytest.fixture
def alice(db: None) -> User:
    """A user with four notifications, one of them read: five events."""
    user = User.objects.create_user("alice")
    for _ in range(4):
        services.send(recipient_id=user.pk, title="x")
    newest = Notification.objects.latest("pk")
    services.mark_read(user_id=user.pk, notification_id=newest.pk)
    return user


def finding(user: User, kind: Flaw, expected: int, found: int) -> Finding:
    return Finding(str(user.pk), kind, expected, found)


def position(user: User) -> Position:
    return selectors.inbox_state(user_id=user.pk).position


def loss(user: User, after: Position) -> ResetReason | None:
    return selectors.heads([str(user.pk)])[str(user.pk)].loss(after)


def miscount_unread(user: User) -> None:
    Inbox.objects.filter(pk=user.pk).update(unread_count=1)


def miscount_total(user: User) -> None:
    Inbox.objects.filter(pk=user.pk).update(total_count=9)


def miscount_unseen(user: User) -> None:
    Inbox.objects.filter(pk=user.pk).update(unseen_count=0)


def miscount_archived(user: User) -> None:
    Inbox.objects.filter(pk=user.pk).update(archived_count=2)


def miscount_snoozed(user: User) -> None:
    Inbox.objects.filter(pk=user.pk).update(snoozed_count=2)


def move_without_event(user: User) -> None:
    """The counts stay right."""
    oldest = Notification.objects.filter(recipient=user).earliest("pk")
    Notification.unguarded.filter(pk=oldest.pk).update(folder="archive")
    Inbox.objects.filter(pk=user.pk).update(
        unread_count=2, unseen_count=2, total_count=3, archived_count=1
    )


def delete_row(user: User) -> None:
    oldest = Notification.objects.filter(recipient=user).earliest("pk")
    Notification.unguarded.filter(pk=oldest.pk).delete()


def tear_hole(user: User) -> None:
    InboxEvent.objects.filter(inbox=user.pk, sequence=2).delete()


def lose_end(user: User) -> None:
    InboxEvent.objects.filter(inbox=user.pk, sequence__gte=4).delete()


def go_back(user: User) -> None:
    Inbox.objects.filter(pk=user.pk).update(last_sequence=F("last_sequence") - 1)


def leave_behind(user: User) -> None:
    Inbox.objects.filter(pk=user.pk).update(first_sequence=3)


def add_later(user: User) -> None:
    newest = Notification.objects.filter(recipient=user).latest("pk")
    Notification.unguarded.filter(pk=newest.pk).update(added_sequence=8)


def insert(user: User, **fields: object) -> int:
    """Insert a notification without an event; return its id."""
    values = {"title": "x", "created_at": timezone.now(), **fields}
    (row,) = Notification.unguarded.bulk_create([Notification(recipient=user, **values)])
    return row.pk


def replace_row(user: User) -> None:
    """The counts stay right."""
    delete_row(user)
    insert(user, added_sequence=1)


def rewrite(user: User) -> None:
    oldest = Notification.objects.filter(recipient=user).earliest("pk")
    Notification.unguarded.filter(pk=oldest.pk).update(title="y")


def bring_back(user: User) -> None:
    """What a user has deleted comes back by a fixture, in place of another; the counts stay right."""
    first, second = Notification.objects.filter(recipient=user).order_by("pk")[:2]
    pk, sequence = first.pk, first.added_sequence
    services.delete(user_id=user.pk, notification_id=pk)
    Notification.unguarded.filter(pk=second.pk).delete()
    insert(user, pk=pk, added_sequence=sequence)


def mark_without_events(user: User) -> None:
    """The newest was read; the counts stay right."""
    first, *_, newest = Notification.objects.filter(recipient=user).order_by("pk")
    Notification.unguarded.filter(pk=newest.pk).update(read_at=None)
    Notification.unguarded.filter(pk=first.pk).update(read_at=timezone.now())


def restore_inbox_alone(user: User) -> None:
    """The inbox's row comes from another database than its log; it counts as much."""
    Inbox.objects.filter(pk=user.pk).update(fingerprint=1)


def replace_event(user: User) -> None:
    """An event comes from another database; the counts stay right."""
    InboxEvent.objects.filter(inbox=user.pk, sequence=2).update(fingerprint=F("fingerprint") + 1)


def give_away(user: User) -> None:
    other = User.objects.create_user("other")
    oldest = Notification.objects.filter(recipient=user).earliest("pk")
    Notification.unguarded.filter(pk=oldest.pk).update(recipient=other)


BREAKAGES: list[tuple[Callable[[User], None], list[tuple[Flaw, int, int]]]] = [
    (miscount_unread, [(Flaw.UNREAD_COUNT, 3, 1)]),
    (miscount_total, [(Flaw.TOTAL_COUNT, 4, 9)]),
    (
        delete_row,
        [
            (Flaw.UNREAD_COUNT, 2, 3),
            (Flaw.TOTAL_COUNT, 3, 4),
            (Flaw.UNSEEN_COUNT, 2, 3),
            (Flaw.NOT_REMOVED, 0, 1),
        ],
    ),
    (miscount_unseen, [(Flaw.UNSEEN_COUNT, 3, 0)]),
    (miscount_archived, [(Flaw.ARCHIVED_COUNT, 0, 2)]),
    (miscount_snoozed, [(Flaw.SNOOZED_COUNT, 0, 2)]),
    (move_without_event, [(Flaw.FOLDERS, 0, 1)]),
    (tear_hole, [(Flaw.LOG_HOLES, 5, 4), (Flaw.NOT_AS_ADDED, 0, 1)]),
    (lose_end, [(Flaw.LOG_HOLES, 5, 3), (Flaw.NOT_AS_ADDED, 0, 1)]),
    (go_back, [(Flaw.LOG_ABOVE_LAST, 0, 1)]),
    (add_later, [(Flaw.ADDED_SEQUENCE, 5, 8), (Flaw.NOT_AS_ADDED, 0, 1)]),
    (replace_row, [(Flaw.NOT_AS_ADDED, 0, 1), (Flaw.NOT_REMOVED, 0, 1)]),
    (rewrite, [(Flaw.NOT_AS_ADDED, 0, 1)]),
    (mark_without_events, [(Flaw.READ_STATE, 0, 2)]),
    (
        bring_back,
        [(Flaw.NOT_AS_ADDED, 0, 1), (Flaw.NOT_REMOVED, 0, 1), (Flaw.REMOVED, 0, 1)],
    ),
]
every_breakage = pytest.mark.parametrize(
    ("damage", "flaws"), BREAKAGES, ids=[damage.__name__ for damage, _ in BREAKAGES]
)


def test_inboxes_that_are_right_give_no_findings(alice: User) -> None:
    User.objects.create_user("bob")

    assert list(check_inboxes()) == []
    assert list(check_inboxes(fix=True)) == []


@every_breakage
def test_damage_is_found_and_left_alone(
    alice: User, damage: Callable[[User], None], flaws: list[tuple[Flaw, int, int]]
) -> None:
    damage(alice)
    before = Inbox.objects.values().get()
    expected = [finding(alice, *flaw) for flaw in flaws]

    assert list(check_inboxes()) == expected
    assert list(check_inboxes()) == expected
    assert Inbox.objects.values().get() == before


@every_breakage
def test_damage_is_repaired_and_every_device_gets_a_reset(
    alice: User, damage: Callable[[User], None], flaws: list[tuple[Flaw, int, int]]
) -> None:
    seen = position(alice)
    damage(alice)

    assert list(check_inboxes(fix=True)) == [finding(alice, *flaw) for flaw in flaws]

    assert list(check_inboxes()) == []
    assert loss(alice, seen) is ResetReason.EPOCH
    assert loss(alice, position(alice)) is None
    assert not InboxEvent.objects.exists()


@every_breakage
def test_life_goes_on_after_a_repair(
    alice: User, damage: Callable[[User], None], flaws: list[tuple[Flaw, int, int]]
) -> None:
    damage(alice)
    list(check_inboxes(fix=True))
    head = position(alice)

    services.send(recipient_id=alice.pk, title="y")
    services.mark_all_read(user_id=alice.pk, up_to=position(alice))

    end = position(alice)
    assert (end.epoch, end.sequence) == (head.epoch, head.sequence + 2)
    assert selectors.inbox_state(user_id=alice.pk).unread_count == 0
    assert list(check_inboxes()) == []


@pytest.mark.parametrize("damage", [restore_inbox_alone, replace_event])
def test_rows_of_different_histories_are_found_and_repaired(
    alice: User, damage: Callable[[User], None]
) -> None:
    seen = position(alice)
    damage(alice)
    assert [found.kind for found in check_inboxes()] == [Flaw.FINGERPRINTS]
    assert [found.kind for found in check_inboxes(fix=True)] == [Flaw.FINGERPRINTS]
    assert list(check_inboxes()) == []
    assert loss(alice, seen) is ResetReason.EPOCH


def test_no_sequence_is_ever_used_again(alice: User) -> None:
    """The inbox went back to 4, where the log knows a fifth event and a notification was the eighth."""
    go_back(alice)
    add_later(alice)

    list(check_inboxes(fix=True))

    inbox = Inbox.objects.get()
    assert (inbox.first_sequence, inbox.last_sequence) == (9, 8)


def test_rows_before_the_log_are_removed_without_an_event(alice: User) -> None:
    seen = position(alice)
    leave_behind(alice)

    assert list(check_inboxes(fix=True)) == [finding(alice, Flaw.LOG_BELOW_FIRST, 0, 2)]

    assert list(check_inboxes()) == []
    assert position(alice) == seen
    assert list(InboxEvent.objects.order_by("pk").values_list("sequence", flat=True)) == [3, 4, 5]


def test_a_lost_inbox_is_made_anew(alice: User) -> None:
    seen = position(alice)
    Inbox.objects.all().delete()

    assert list(check_inboxes()) == [finding(alice, Flaw.NO_INBOX, 1, 0)]
    assert not Inbox.objects.exists()
    assert list(check_inboxes(fix=True)) == [finding(alice, Flaw.NO_INBOX, 1, 0)]

    assert list(check_inboxes()) == []
    state = selectors.inbox_state(user_id=alice.pk)
    assert (state.unread_count, state.total_count) == (3, 4)
    assert state.position.sequence == 4  # as the newest notification says
    assert loss(alice, seen) is ResetReason.EPOCH


def test_rows_that_came_without_the_services_are_counted(db: None) -> None:
    user = User.objects.create_user("imported")
    content = {"title": "x", "created_at": timezone.now(), "added_sequence": 0}
    Notification.unguarded.bulk_create([Notification(recipient=user, **content) for _ in range(3)])

    list(check_inboxes(fix=True))

    assert selectors.inbox_state(user_id=user.pk).total_count == 3
    assert list(check_inboxes()) == []


def test_a_notification_in_the_wrong_inbox_is_found(alice: User) -> None:
    give_away(alice)

    assert list(check_inboxes(fix=True)) == [
        finding(alice, Flaw.UNREAD_COUNT, 2, 3),
        finding(alice, Flaw.TOTAL_COUNT, 3, 4),
        finding(alice, Flaw.UNSEEN_COUNT, 2, 3),
        finding(alice, Flaw.NOT_REMOVED, 0, 1),
        finding(User.objects.get(username="other"), Flaw.NO_INBOX, 1, 0),
    ]
    assert list(check_inboxes()) == []


def test_a_new_row_that_claims_to_be_older_than_the_log_is_found(alice: User) -> None:
    """The log begins with event 3; the first row, of event 1, is exchanged for one with a new id."""
    leave_behind(alice)
    list(check_inboxes(fix=True))
    assert list(check_inboxes()) == []
    third = Notification.objects.get(added_sequence=3)
    oldest = Notification.objects.earliest("pk")
    Notification.unguarded.filter(pk=oldest.pk).delete()
    new = insert(alice, added_sequence=1)

    assert list(check_inboxes(fix=True)) == [finding(alice, Flaw.ID_ORDER, third.pk, new)]
    assert list(check_inboxes()) == []


def test_the_last_event_says_whether_a_notification_is_read(alice: User) -> None:
    """Every way to mark agrees with the log; what all were marked with is compared, too."""
    first, second, third, _ = Notification.objects.order_by("pk")
    services.mark_all_read(user_id=alice.pk, up_to=Position(position(alice).epoch, 2))
    services.mark_unread(user_id=alice.pk, notification_id=first.pk)
    services.send(recipient_id=alice.pk, title="x")
    assert list(check_inboxes()) == []
    services.mark_all_read(user_id=alice.pk)
    services.mark_unread(user_id=alice.pk, notification_id=third.pk)
    assert list(check_inboxes()) == []

    Notification.unguarded.filter(pk=second.pk).update(read_at=None)
    Notification.unguarded.filter(pk=third.pk).update(read_at=timezone.now())

    assert list(check_inboxes(fix=True)) == [finding(alice, Flaw.READ_STATE, 0, 2)]
    assert list(check_inboxes()) == []


def test_a_log_that_begins_after_a_mark_says_nothing_of_it(alice: User) -> None:
    notification = Notification.objects.earliest("pk")
    services.mark_all_read(user_id=alice.pk)
    prune_events(keep_events=0)
    services.pin(user_id=alice.pk, notification_id=notification.pk)
    assert list(check_inboxes()) == []


def without_earlier_log(user: User) -> None:
    """Let the log begin here, as after a repair."""
    Inbox.objects.filter(pk=user.pk).update(archived_count=1)
    assert list(check_inboxes(fix=True)) == [finding(user, Flaw.ARCHIVED_COUNT, 0, 1)]


def test_a_mark_of_all_does_not_concern_what_was_archived_before_the_log(alice: User) -> None:
    first, second, *_ = Notification.objects.order_by("pk")
    for each in (first, second):
        services.archive(user_id=alice.pk, notification_id=each.pk)
    prune_events(keep_events=0)
    for each in (first, second):
        services.mark_read(user_id=alice.pk, notification_id=each.pk)
        services.mark_unread(user_id=alice.pk, notification_id=each.pk)
    assert services.mark_all_read(user_id=alice.pk).count == 1
    services.unarchive(user_id=alice.pk, notification_id=second.pk)
    assert list(check_inboxes()) == []


def test_a_mark_of_all_does_not_concern_what_has_returned_since(alice: User) -> None:
    first = Notification.objects.earliest("pk")
    until = timezone.now() + timedelta(hours=1)
    services.snooze(user_id=alice.pk, notification_id=first.pk, until=until)
    before = position(alice)
    return_due(now=until + timedelta(minutes=1))
    without_earlier_log(alice)
    # The log begins with this, and the return before it.
    services.mark_read(user_id=alice.pk, notification_id=first.pk)
    services.mark_unread(user_id=alice.pk, notification_id=first.pk)
    up_to = Position(position(alice).epoch, before.sequence)
    assert services.mark_all_read(user_id=alice.pk, up_to=up_to).count == 2
    assert list(check_inboxes()) == []

    # What it concerns by its new place is compared.
    services.mark_all_read(user_id=alice.pk)
    Notification.unguarded.filter(pk=first.pk).update(read_at=None)
    Inbox.objects.filter(pk=alice.pk).update(unread_count=1, unseen_count=1)
    assert list(check_inboxes(fix=True)) == [finding(alice, Flaw.READ_STATE, 0, 1)]


def test_content_of_every_kind_agrees_with_its_event(db: None) -> None:
    user = User.objects.create_user("u")
    for title in ("true", "null", "1", '"', "\\u0041 \\", "Ünï😀", "a\nb", "{}"):
        services.send(recipient_id=user.pk, title=title, message=title, link="/?a=%22", type="a-b")

    assert list(check_inboxes()) == []


def test_only_the_users_asked_for_are_checked(alice: User) -> None:
    bob = User.objects.create_user("bob")
    services.send(recipient_id=bob.pk, title="x")
    miscount_total(alice)
    miscount_total(bob)

    assert [f.user for f in check_inboxes(user_ids=[bob.pk])] == [str(bob.pk)]
    list(check_inboxes(user_ids=[bob.pk], fix=True))
    assert [f.user for f in check_inboxes()] == [str(alice.pk)]
    assert list(check_inboxes(user_ids=[])) == []


@pytest.mark.parametrize("batch", [1, 2, 3, 250])
def test_findings_come_in_the_order_of_users(db: None, batch: int) -> None:
    users = [User.objects.create_user(f"u{n}") for n in range(5)]
    services.send_many(recipient_ids=[user.pk for user in users], title="x")
    for user in users:
        miscount_total(user)

    found = list(check_inboxes(batch=batch))

    assert found == [finding(user, Flaw.TOTAL_COUNT, 1, 9) for user in users]


def test_what_only_looked_wrong_is_no_finding(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A send between the queries of a batch makes its counts disagree; under the lock they agree."""
    examine = repair._examine

    def examine_badly(users: list[int]) -> dict[int, list[Finding]]:
        return {user: [Finding(str(user), Flaw.TOTAL_COUNT, 1, 2)] for user in examine(users)}

    monkeypatch.setattr(repair, "_examine", examine_badly)
    User.objects.create_user("without an inbox")

    assert list(check_inboxes(fix=True)) == []
    assert position(alice).sequence == 5


def test_a_batch_costs_the_same_for_one_inbox_as_for_many(db: None) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert list(check_inboxes()) == []
        return len(queries)

    services.send(recipient_id=User.objects.create_user("u").pk, title="x")
    one = cost()
    users = [User.objects.create_user(f"u{n}") for n in range(30)]
    for _ in range(3):
        services.send_many(recipient_ids=[user.pk for user in users], title="x")

    # The users of the batch and whether there are more; their inboxes, notifications and events, and what differs.
    assert one == cost() == 9


def test_a_finding_is_a_sentence() -> None:
    said = {str(Finding("7", kind, expected=3, found=5)) for kind in Flaw}

    assert len(said) == len(Flaw)
    assert str(Finding("7", Flaw.LOG_HOLES, 5, 4)) == "User 7: the log has 4 of 5 events"


def test_renewed_epochs_are_new_and_the_log_stays(alice: User) -> None:
    bob = User.objects.create_user("bob")
    services.send(recipient_id=bob.pk, title="x")
    seen = {user: position(user) for user in (alice, bob)}

    assert renew_epochs(batch=1) == 2

    for user, old in seen.items():
        assert position(user).sequence == old.sequence
        assert loss(user, old) is ResetReason.EPOCH
        assert loss(user, position(user)) is None
    assert position(alice).epoch != position(bob).epoch
    assert list(check_inboxes()) == []


def test_after_a_restored_backup_no_device_takes_new_events_for_known_ones(alice: User) -> None:
    """The example of Position's documentation: seen 7, restored to 5, and two other events."""
    for _ in range(2):
        services.send(recipient_id=alice.pk, title="forgotten by the backup")
    seen = position(alice)
    Notification.unguarded.filter(added_sequence__gt=5).delete()
    InboxEvent.objects.filter(sequence__gt=5).delete()
    fingerprint = InboxEvent.objects.get(sequence=5).fingerprint
    Inbox.objects.update(
        last_sequence=5,
        unread_count=3,
        unseen_count=3,
        total_count=4,
        fingerprint=fingerprint,
    )
    assert list(check_inboxes()) == []

    renew_epochs()
    for _ in range(2):
        services.send(recipient_id=alice.pk, title="another")

    assert position(alice).sequence == seen.sequence
    assert loss(alice, seen) is ResetReason.EPOCH


@pytest.mark.django_db(transaction=True)
def test_inboxes_in_use_are_right_and_stay_so() -> None:
    users = [User.objects.create_user(f"u{n}") for n in range(3)]
    ids = [user.pk for user in users]

    def write() -> None:
        for _ in range(15):
            services.send_many(recipient_ids=ids, title="x")
            services.mark_all_read(user_id=ids[0])
        connections.close_all()

    def check() -> list[Finding]:
        found = [finding for _ in range(10) for finding in check_inboxes(fix=True)]
        connections.close_all()
        return found

    with ThreadPoolExecutor(3) as pool:
        writing = [pool.submit(write) for _ in range(2)]
        assert pool.submit(check).result() == []
        for future in writing:
            future.result()

    assert list(check_inboxes()) == []
    assert {position(user).sequence for user in users[1:]} == {30}
