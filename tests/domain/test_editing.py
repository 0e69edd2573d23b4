"""Editing: the content changes in its place, on all devices, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

import live_inbox
from live_inbox import services, signals
from live_inbox.errors import InvalidInput, NotFound
from live_inbox.events import Folder, Kind
from live_inbox.identity.callers import Caller
from live_inbox.maintenance.findings import Flaw
from live_inbox.maintenance.repair import check_inboxes
from live_inbox.models import InboxEvent, Notification
from live_inbox.services.edit_for_caller import edit_for_caller
from tests.changed_settings import changed_settings
from tests.domain.conftest import VerifyEvents

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def sent(recipient: User, title: str = "old", **more: Any) -> Notification:
    notification = services.send(recipient_id=recipient.pk, title=title, **more).notification
    assert notification is not None
    return notification


def test_what_is_edited_keeps_its_place_and_its_state(
    alice: User, verify_events: VerifyEvents
) -> None:
    first = sent(alice, message="as it was", data={"a": 1}, link="/a", priority="high")
    sent(alice, "newer")
    services.mark_read(user_id=alice.pk, notification_id=first.pk)
    services.mark_seen(user_id=alice.pk)
    with verify_events(alice) as bell:
        edited = services.edit(notification_id=first.pk, title="new", link=None, now=NOON)
    assert edited.changed
    assert (edited.unread_count, edited.total_count, edited.unseen_count) == (1, 2, 0)
    row = Notification.objects.get(pk=first.pk)
    assert (row.title, row.message, row.data, row.link) == ("new", "as it was", {"a": 1}, "")
    assert (row.priority, row.read, row.edited_at, row.rank) == ("high", True, NOON, first.pk)
    assert row.created_at == first.created_at
    (event,) = bell.events(alice.pk)
    assert (event.kind, event.notification_id) == (Kind.EDITED, first.pk)
    assert event.notification is not None
    assert (event.notification.title, event.notification.edited_at) == ("new", NOON)
    assert list(check_inboxes(user_ids=[alice.pk])) == []


def test_what_changes_nothing_is_no_event(alice: User, verify_events: VerifyEvents) -> None:
    same = sent(alice, data={"a": 1})
    with verify_events(alice) as bell:
        assert not services.edit(notification_id=same.pk, title="old", data={"a": 1}).changed
        assert not services.edit(notification_id=same.pk).changed
    assert bell.rings == []
    assert Notification.objects.get(pk=same.pk).edited_at is None


@pytest.mark.parametrize("folder", Folder)
def test_it_is_edited_in_any_folder(
    alice: User, verify_events: VerifyEvents, folder: Folder
) -> None:
    one = sent(alice, group_key="a")
    if folder is Folder.GROUPED:
        sent(alice, group_key="a")
    if folder is Folder.ARCHIVE:
        services.archive(user_id=alice.pk, notification_id=one.pk)
    if folder is Folder.SNOOZED:
        until = timezone.now() + timedelta(days=1)
        services.snooze(user_id=alice.pk, notification_id=one.pk, until=until)
    with verify_events(alice):
        edited = services.edit(notification_id=one.pk, message="text")
    assert (edited.notification.folder, edited.notification.message) == (folder, "text")


def test_it_is_named_by_the_key_of_its_sender(alice: User, bob: User) -> None:
    of_bob = sent(alice, "of bob", sender_id=bob.pk, idempotency_key="k")
    of_system = sent(alice, "of the system", idempotency_key="k")
    live_inbox.edit(sender=bob, idempotency_key="k", title="by bob")
    live_inbox.edit(idempotency_key="k", title="by the system")
    of_bob.refresh_from_db()
    of_system.refresh_from_db()
    assert (of_bob.title, of_system.title) == ("by bob", "by the system")
    assert live_inbox.edit(notification_id=of_bob, title="by its object").changed
    with pytest.raises(NotFound):
        live_inbox.edit(sender=alice, idempotency_key="k", title="no")


def test_a_repeated_send_is_still_the_same_send(alice: User) -> None:
    first = sent(alice, idempotency_key="k")
    services.edit(notification_id=first.pk, title="new")
    again = services.send(recipient_id=alice.pk, title="old", idempotency_key="k")
    assert again.replayed
    assert again.notification is not None
    assert (again.notification.pk, again.notification.title) == (first.pk, "new")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": ""}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": "override \u202e"}, "title"),
        ({"title": None}, "title"),
        ({"link": "javascript:x"}, "link"),
        ({"data": [1]}, "data"),
        ({"type": "other"}, "type"),
        ({"priority": "most"}, "priority"),
        ({"expires_at": datetime(2001, 1, 1, tzinfo=UTC)}, "expires_at"),
        ({"context": {"a": 1}}, "context"),
        ({"idempotency_key": "k"}, "notification_id"),
    ],
)
def test_what_is_not_acceptable_changes_nothing(
    alice: User, changes: dict[str, Any], field: str
) -> None:
    one = sent(alice)
    with pytest.raises(InvalidInput) as caught:
        services.edit(notification_id=one.pk, message="new", **changes)
    assert caught.value.field == field
    one.refresh_from_db()
    assert (one.title, one.message) == ("old", "")
    assert InboxEvent.objects.filter(inbox=alice.pk).count() == 1


@pytest.mark.parametrize("number", [10**9, -1, 2**70])
def test_there_has_to_be_such_a_notification(alice: User, number: int) -> None:
    with pytest.raises(NotFound):
        services.edit(notification_id=number, title="new")
    with pytest.raises(InvalidInput):
        services.edit(title="new")


def test_an_expiry_can_be_set_and_lifted(alice: User) -> None:
    later = timezone.now() + timedelta(days=1)
    one = sent(alice, expires_at=later)
    services.edit(notification_id=one.pk, expires_at=None)
    one.refresh_from_db()
    assert one.expires_at is None
    services.edit(notification_id=one.pk, expires_at=later)
    one.refresh_from_db()
    assert one.expires_at == later


@pytest.fixture
def invoices() -> Iterator[None]:
    types = {
        "invoice": {
            "title": "Invoice {{ number }}",
            "message": "{{ number }} is due",
            "retention_days": 3,
        }
    }
    with changed_settings(TYPES=types):
        yield


def test_templates_make_the_texts_from_a_new_context(alice: User, invoices: None) -> None:
    one = services.send(recipient_id=alice.pk, type="invoice", context={"number": 7}).notification
    assert one is not None
    services.edit(notification_id=one.pk, context={"number": 8}, message="Paid")
    first_end = one.expires_at
    one.refresh_from_db()
    assert (one.title, one.message) == ("Invoice 8", "Paid")
    assert one.expires_at == first_end, "the retention began with the send"
    services.edit(notification_id=one.pk, title="By hand")
    one.refresh_from_db()
    assert (one.title, one.message) == ("By hand", "Paid")


def test_the_content_goes_from_the_log_with_the_notification(alice: User) -> None:
    one = sent(alice, "first text")
    services.edit(notification_id=one.pk, title="second text")
    services.delete(user_id=alice.pk, notification_id=one.pk)
    log = "".join(str(row.payload) for row in InboxEvent.objects.filter(inbox=alice.pk))
    assert "text" not in log
    assert list(check_inboxes(user_ids=[alice.pk])) == []


def test_an_edit_that_the_log_lacks_is_found(alice: User) -> None:
    one = sent(alice)
    services.edit(notification_id=one.pk, title="new")
    Notification.unguarded.filter(pk=one.pk).update(title="by hand")
    (finding,) = check_inboxes(user_ids=[alice.pk])
    assert (finding.kind, finding.found) == (Flaw.NOT_AS_ADDED, 1)


def test_receivers_are_called(alice: User, verify_events: VerifyEvents) -> None:
    one = sent(alice)
    seen: list[Any] = []

    def receive(event: Any, user_id: Any, notification: Any, **_: Any) -> None:
        seen.append((event.kind, user_id, notification.title))

    signals.notification_edited.connect(receive)
    try:
        with verify_events(alice):
            services.edit(notification_id=one.pk, title="new")
    finally:
        signals.notification_edited.disconnect(receive)
    assert seen == [(Kind.EDITED, alice.pk, "new")]


# -- in the name of a caller ---------------------------------------------------------------------------------


def caller(user: User, *scopes: str) -> Caller:
    return Caller(user, frozenset(scopes))


def test_senders_edit_what_they_have_sent(alice: User, bob: User) -> None:
    one = sent(alice, sender_id=bob.pk, idempotency_key="k")
    assert edit_for_caller(caller(bob), notification_id=one.pk, title="new").changed
    assert edit_for_caller(caller(bob), idempotency_key="k", title="newer").changed


def test_recipients_do_not_edit_what_others_have_sent_them(alice: User, bob: User) -> None:
    one = sent(alice, sender_id=bob.pk)
    of_system = sent(alice)
    for number in (one.pk, of_system.pk, 10**9):
        with pytest.raises(NotFound, match=r"There is no such notification\."):
            edit_for_caller(caller(alice), notification_id=number, title="new")
    assert set(Notification.objects.values_list("title", flat=True)) == {"old"}


def test_staff_and_services_edit_what_they_may_send(alice: User, bob: User) -> None:
    one = sent(alice)
    service = caller(bob, "notifications:send-to-anyone")
    assert edit_for_caller(service, notification_id=one.pk, title="by a service").changed
    bob.user_permissions.add(Permission.objects.get(codename="send_notification"))
    staff = User.objects.get(pk=bob.pk)
    assert edit_for_caller(caller(staff), notification_id=one.pk, title="by staff").changed
    with pytest.raises(live_inbox.Forbidden):
        edit_for_caller(caller(staff, "notifications:read"), notification_id=one.pk, title="no")
